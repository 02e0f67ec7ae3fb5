"""Write the labels of a wafer as labelme JSON, for proofreading."""

import json
import os
from pathlib import Path

from mrcnn.domains.wafer.labels.labelme import stored_shape
from mrcnn.domains.wafer.labels.outlines import PARTS
from mrcnn.errors import DataError
from mrcnn.files import whole_file


def write_labelme(path, labels, image_path=None):
    """Write labels for proofreading in labelme; `read_labelme` restores them exactly.

    Parameters
    ----------
    path : str or Path
        The JSON file; an existing file is replaced only when the new one is complete.
    labels : WaferLabels
    image_path : str or Path, optional
        The image to show in labelme; by default the image of the labels. Stored relative to the folder of the JSON
        file.

    Raises
    ------
    DataError
        The image is unknown, or the file cannot be written.
    """
    path = Path(path)
    picture = labels.image_path if image_path is None else image_path
    if picture is None:
        raise DataError(path, "would not name an image, which labelme needs to show labels", "Give image_path")
    outlines = [(f"{part}-{section.number}", getattr(section, part)) for part in PARTS for section in labels.sections]
    outlines.append(("background", labels.background))
    height, width = labels.image_shape or stored_shape(picture) or (None, None)
    content = {
        "version": "5.5.0",
        "flags": {},
        "shapes": [
            {
                "label": name,
                "points": polygon[:, ::-1].tolist(),
                "group_id": None,
                "description": "",
                "shape_type": "polygon",
                "flags": {},
            }
            for name, polygon in outlines
            if polygon is not None
        ],
        "imagePath": relative_image(picture, path.parent),
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    with whole_file(path, cure="Check the folder's permissions and the free space") as draft:
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def relative_image(picture, folder):
    """Path of an image from a folder, as labelme stores it."""
    try:
        return Path(os.path.relpath(picture, folder)).as_posix()
    except ValueError:  # a different drive on Windows
        return Path(picture).as_posix()
