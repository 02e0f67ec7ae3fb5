"""Statistics of a data set as tables: one row per image, and one row per object."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from mrcnn.data.dataset import Dataset


def dataset_tables(dataset: Dataset, image_ids: Sequence[int] | None = None, workers: int = 4) -> tuple:
    """Tables of images and objects, loaded several at a time.

    Parameters
    ----------
    dataset : Dataset
        Prepared.
    image_ids : sequence of int, optional
        By default all.
    workers : int
        Number of images loaded in parallel; reading files is mostly waiting.

    Returns
    -------
    images : pandas.DataFrame
        One row per image, in the order of `image_ids`: `image_id`, `name`, `height`, `width`, `channels`, `mean` and
        `sd` of all grey values, `mean_0`, ... of each channel, and `objects`.
    objects : pandas.DataFrame
        One row per object: `image_id`, `class`, `height`, `width` of its box and `area` of its mask in pixels,
        `share_of_picture` (fraction of the image area), `width_by_height`.

    Raises
    ------
    DataError
        An image or its masks cannot be used; the message names the file.
    """
    import pandas as pd

    image_ids = dataset.image_ids if image_ids is None else image_ids
    with ThreadPoolExecutor(max(1, int(workers))) as pool:
        found = list(pool.map(lambda image_id: _looked_at(dataset, int(image_id)), image_ids))
    objects = [row for _, rows in found for row in rows]
    columns = ["image_id", "class", "height", "width", "area", "share_of_picture", "width_by_height"]
    return pd.DataFrame([picture for picture, _ in found]), pd.DataFrame(objects, columns=columns)


def _looked_at(dataset, image_id):
    image, instances = dataset.load_image(image_id), dataset.load_instances(image_id)
    image = image[..., None] if image.ndim == 2 else image
    height, width, channels = image.shape
    picture = {
        "image_id": image_id,
        "name": str(dataset.image_info[image_id]["id"]),
        "height": height,
        "width": width,
        "channels": channels,
        "mean": float(image.mean()),
        "sd": float(image.std()),
        **{f"mean_{c}": float(image[..., c].mean()) for c in range(channels)},
        "objects": len(instances),
    }
    sizes = instances.boxes[:, 2:] - instances.boxes[:, :2]
    return picture, [
        {
            "image_id": image_id,
            "class": dataset.class_names[abs(int(class_id))],
            "height": int(h),
            "width": int(w),
            "area": int(area),
            "share_of_picture": area / (height * width),
            "width_by_height": w / h,
        }
        for class_id, (h, w), area in zip(instances.class_ids, sizes, instances.areas(), strict=True)
    ]
