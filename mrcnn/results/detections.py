"""Detections for other programs: table rows, and entries of a COCO results list."""

from collections.abc import Sequence

import numpy as np

from mrcnn.errors import MissingExtra
from mrcnn.geometry.instances import Instances

COLUMNS = ("image", "class", "score", "x1", "y1", "x2", "y2")


def detection_rows(instances: Instances, image: str, class_names: Sequence[str]) -> list[dict]:
    """One dict with the keys `COLUMNS` per object of an image, in descending order of score.

    Parameters
    ----------
    instances : Instances
    image : str
        Name of the image.
    class_names : sequence of str
        By class id, background first.

    Returns
    -------
    list of dict
        Corners in pixels; x2 and y2 are exclusive.
    """
    rows = []
    for i in np.argsort(-instances.scores, kind="stable"):
        y1, x1, y2, x2 = instances.boxes[i].tolist()
        values = (image, str(class_names[instances.class_ids[i]]), _score(instances, i), x1, y1, x2, y2)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def coco_results(instances: Instances, image: str, image_id: int, masks: bool = False) -> list[dict]:
    """Entries in the COCO results format. As a list in a JSON file, `pycocotools.coco.COCO.loadRes` reads them.

    Parameters
    ----------
    instances : Instances
    image : str
        Written as `file_name` in addition to the fields that the format requires.
    image_id : int
    masks : bool
        Include the masks, run-length encoded; requires pycocotools.

    Returns
    -------
    list of dict
        `image_id`, `file_name`, `category_id`, `bbox` [x, y, width, height], `score`, and with `masks` `segmentation`.

    Raises
    ------
    MissingExtra
        If `masks` is set and pycocotools is not installed.
    """
    entries = []
    for i in np.argsort(-instances.scores, kind="stable"):
        y1, x1, y2, x2 = instances.boxes[i].tolist()
        entry = {
            "image_id": int(image_id),
            "file_name": image,
            "category_id": int(instances.class_ids[i]),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": _score(instances, i),
        }
        if masks:
            entry["segmentation"] = _run_lengths(instances, i)
        entries.append(entry)
    return entries


def _score(instances, index):
    return round(float(instances.scores[index]), 6)


def _run_lengths(instances, index):
    try:
        from pycocotools import mask as coco
    except ImportError as error:
        raise MissingExtra("pycocotools", "coco") from error
    full = np.zeros(instances.image_shape, np.uint8, order="F")
    y1, x1, y2, x2 = instances.boxes[index]
    full[y1:y2, x1:x2] = instances.masks[index]
    found = coco.encode(full)
    return {"size": list(found["size"]), "counts": found["counts"].decode()}
