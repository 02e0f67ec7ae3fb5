"""Write a data set as image files that people and other programs can read."""

from pathlib import Path

import numpy as np

from mrcnn.errors import DataError


def write_mask_folders(dataset, folder, image_ids=None):
    """Write images and one mask file per object, as `mrcnn.data.readers.mask_folders` reads them.

    The layout is `Images/<name>.png` and `Masks/<name>/<name>_Mask_<i>.png`, masks 0 and 255, i from 0. An image
    without objects gets an empty mask folder. This layout does not store class ids and pixel sizes.

    Parameters
    ----------
    dataset : Dataset
        Its ids become the file names.
    folder : str or Path
        Created if missing.
    image_ids : iterable of int, optional
        All by default.

    Returns
    -------
    list of Path
        The images written.

    Raises
    ------
    DataError
        Masks with the same name already exist, PNG cannot store an image, or a file cannot be written.
    """
    folder = Path(folder)
    written = []
    for image_id in dataset.image_ids if image_ids is None else image_ids:
        name = Path(str(dataset.image_info[image_id]["id"])).stem
        masks = folder / "Masks" / name
        picture = folder / "Images" / f"{name}.png"
        try:
            picture.parent.mkdir(parents=True, exist_ok=True)
            masks.mkdir(parents=True, exist_ok=True)
            if any(masks.iterdir()):
                raise DataError(masks, "already holds masks", "Choose an empty folder")
            _write_png(picture, dataset.load_image(image_id))
            _write_masks(masks, name, dataset.load_instances(image_id))
        except OSError as error:
            raise DataError(
                picture,
                f"cannot be written ({error.strerror or error})",
                "Check the folder's permissions and the free space",
            ) from error
        written.append(picture)
    return written


def _write_masks(folder, name, instances):
    for i, ((y1, x1, y2, x2), mask) in enumerate(zip(instances.boxes, instances.masks)):
        full = np.zeros(instances.image_shape, np.uint8)
        full[y1:y2, x1:x2][mask] = 255
        _write_png(folder / f"{name}_Mask_{i}.png", full)


def _write_png(path, image):
    import imageio.v3 as iio

    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if (
        image.dtype not in (np.uint8, np.uint16)
        or image.ndim == 3
        and (image.shape[-1], image.dtype) not in ((3, np.uint8), (4, np.uint8))
    ):
        raise DataError(
            path,
            f"cannot store an image of shape {image.shape} and type {image.dtype}",
            "PNG supports grey uint8 and uint16, and RGB or RGBA uint8: convert it first",
        )
    iio.imwrite(path, image, extension=".png")
