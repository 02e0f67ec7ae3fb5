"""Writing a wafer's labels as labelme JSON, for proof-reading."""

import json
import os
from pathlib import Path

from mrcnn.domains.wafer.labels.labelme import stored_shape
from mrcnn.domains.wafer.labels.outlines import PARTS
from mrcnn.errors import DataError
from mrcnn.files import whole_file


def write_labelme(path, labels, image_path=None):
    """Write labels for proof-reading in labelme; `read_labelme` gives them back to the last digit.

    Parameters
    ----------
    path : str or Path
        The JSON file; an existing one is replaced only when the new one is complete.
    labels : WaferLabels
    image_path : str or Path, optional
        The picture that labelme is to show; by default that of the labels. Written relative to the JSON's folder.

    Raises
    ------
    DataError
        No picture is known, or the file cannot be written.
    """
    path = Path(path)
    picture = labels.image_path if image_path is None else image_path
    if picture is None:
        raise DataError(path, "would name no picture, and labelme shows labels only on one", "Give image_path")
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
        "imagePath": _relative(picture, path.parent),
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    with whole_file(path, cure="Check the folder's permissions and the space left") as draft:
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _relative(picture, folder):
    try:
        return Path(os.path.relpath(picture, folder)).as_posix()
    except ValueError:  # another drive, under Windows
        return Path(picture).as_posix()
