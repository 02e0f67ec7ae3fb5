"""Describe data sets, annotations and folders of images: layout, images, objects, classes and sizes."""

import math
from collections import Counter

import numpy as np
import pandas as pd

from mrcnn.commands.plain_text import counted, joined, length, pixel_size
from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.data.readers.class_folders import ClassFolderDataset
from mrcnn.data.readers.class_table import ClassTableDataset
from mrcnn.data.readers.dsb import DSBDataset
from mrcnn.data.readers.label_images import LabelImageDataset
from mrcnn.data.readers.mask_folders import MaskFolderDataset
from mrcnn.data.readers.open import open_any
from mrcnn.data.split import evenly_spread
from mrcnn.data.statistics import dataset_tables
from mrcnn.errors import DataError
from mrcnn.formats.open import find_format, format_of_folder, read_annotations
from mrcnn.images.folders import list_images
from mrcnn.images.source import open_image

LIMIT = 100  # most images whose objects are measured
_LAYOUTS = {
    MaskFolderDataset: "images and masks, one mask file per object",
    DSBDataset: "2018 Data Science Bowl: a folder per image, one mask file per object",
    ClassFolderDataset: "images and label images, in one folder per class",
    ClassTableDataset: "images and label images, with a table of classes",
    LabelImageDataset: "images and label images",
}
_FORMATS = {
    "labelimg": "LabelImg (Pascal VOC)",
    "keras-frcnn": "keras-frcnn",
    "yolo": "YOLO",
    "coco": "COCO",
    "via": "VGG Image Annotator",
    "via-csv": "VGG Image Annotator (CSV)",
    "labelstudio": "Label Studio",
    "cvat": "CVAT for images",
}
_NAMED = (BoxDataset, ClassFolderDataset, ClassTableDataset)  # layouts that name their classes
_QUARTILES = (25, 50, 75)


# --- Folders and files ---
def describe_folder(folder, limit=LIMIT):
    """Description of a data set, or of a folder of images without ground truth.

    Returns
    -------
    dict
        `layout`, `images`, `measured` (images whose objects were loaded), `objects` and `classes` (name to number), of
        all images if `complete`, otherwise of those measured; `named` (whether the layout names the classes),
        `outlines` (whether objects have more than boxes), `diameter_px` (quartiles of the diameters of circles with the
        objects' areas, or None) and `diameters_by_class`, `image_sizes` (smallest and largest), `image_channels`,
        `pixel_size_nm`, `missing` (images that do not exist).
    list of DataError
        Images that could not be read.

    Raises
    ------
    DataError
        It is neither, or none of it can be read.
    """
    try:
        dataset = open_any(folder)
    except DataError as error:
        return _without_data_set(folder, limit, error)
    layout = next((text for reader, text in _LAYOUTS.items() if type(dataset) is reader), type(dataset).__name__)
    if isinstance(dataset, BoxDataset):
        layout = _format_text(format_of_folder(folder)[0])
    return _of_dataset(dataset, layout, limit)


def _without_data_set(folder, limit, error):
    """A folder that no reader takes: annotations without their images, or only images; otherwise raises the error."""
    if format_of_folder(folder) is not None:
        try:
            return describe_annotations(folder, limit)
        except DataError:
            raise error from None
    images = list_images(folder, any_kind=True)
    if not images:
        raise error
    return _of_images(images, limit)


def describe_annotations(path, limit=LIMIT):
    """Description of an annotation file or folder, whose images need not exist; returns and raises as
    `describe_folder`.
    """
    name, place = find_format(path)
    annotations = read_annotations(place, annotation_format=name)
    missing = [a.image for a in annotations if not a.image.is_file()]
    if not missing and any(map(len, annotations)):
        return _of_dataset(BoxDataset(annotations), _format_text(name), limit)
    return _of_records(annotations, missing, _format_text(name)), []


def _format_text(name):
    return f"annotations in the format {_FORMATS.get(name, name)}"


# --- Data sets ---
def _of_dataset(dataset, layout, limit):
    ids = evenly_spread([int(i) for i in dataset.image_ids], limit)
    images, objects, errors = _tables(dataset, ids)
    counts = Counter(objects["class"])
    boxes = isinstance(dataset, BoxDataset)
    if boxes:  # the annotations count all objects without decoding any
        ids_of_all = [int(i) for info in dataset.image_info for i in np.abs(info["class_ids"]) if i]
        counts = Counter(dataset.class_names[i] for i in ids_of_all)
    diameters = np.sqrt(objects["area"].to_numpy(float) * 4 / math.pi)
    by_class = {name: _quartiles(diameters[objects["class"] == name]) for name in sorted(set(objects["class"]))}
    measured = [int(i) for i in images["image_id"]]
    found = {
        "kind": "data",
        "layout": layout,
        "images": len(dataset.image_ids),
        "measured": len(measured),
        "complete": boxes or len(measured) == len(dataset.image_ids),
        "objects": sum(counts.values()),
        "classes": {name: counts[name] for name in dataset.class_names[1:]},
        "named": isinstance(dataset, _NAMED),
        "outlines": any(dataset.has_masks(int(i)) for i in images["image_id"][images["objects"] > 0]),
        "diameter_px": _quartiles(diameters),
        "diameters_by_class": by_class if len(by_class) > 1 else {},
        "image_sizes": _extremes(zip(images["height"], images["width"])),
        "image_channels": sorted({int(dataset.image_shape(i)[2]) for i in measured}),
        "pixel_size_nm": _common([dataset.pixel_size_nm(i) for i in measured]),
        "missing": [],
    }
    return found, errors


def _tables(dataset, ids):
    """The tables of `dataset_tables` for the images that can be read, and the errors of the others.

    Raises the `DataError` of the first if none can be read.
    """
    try:
        return *dataset_tables(dataset, ids), []
    except DataError as first:
        parts, errors = [], []
        for i in ids:
            try:
                parts.append(dataset_tables(dataset, [i], workers=1))
            except DataError as error:
                errors.append(error)
        if not parts:
            raise first
    images, objects = zip(*parts)
    filled = [table for table in objects if len(table)] or objects[:1]
    return pd.concat(images, ignore_index=True), pd.concat(filled, ignore_index=True), errors


def _quartiles(values):
    values = np.asarray(values, float)
    return [round(float(v), 2) for v in np.percentile(values, _QUARTILES)] if len(values) else None


def _extremes(sizes):
    """The smallest and the largest (height, width) by area, or None."""
    sizes = sorted({(int(h), int(w)) for h, w in sizes}, key=lambda size: (size[0] * size[1], size))
    return [list(sizes[0]), list(sizes[-1])] if sizes else None


def _common(sizes):
    """The pixel size that all have, or None."""
    first = sizes[0] if sizes else None
    same = first is not None and all(size is not None and np.allclose(size, first, rtol=1e-3) for size in sizes)
    return [float(s) for s in first] if same else None


# --- Annotations and images alone ---
def _of_records(annotations, missing, layout):
    """Description by the annotations alone; objects are measured by their boxes."""
    names = [name for a in annotations for name in a.class_names]
    boxes = np.concatenate([a.boxes for a in annotations]) if annotations else np.zeros((0, 4))
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(float)
    counts = Counter(names)
    return {
        "kind": "data",
        "layout": layout,
        "images": len(annotations),
        "measured": len(annotations),
        "complete": True,
        "objects": len(names),
        "classes": {name: counts[name] for name in sorted(counts)},
        "named": True,
        "outlines": False,
        "diameter_px": _quartiles(np.sqrt(sides.prod(axis=1) * 4 / math.pi)),
        "diameters_by_class": {},
        "image_sizes": _extremes(a.image_shape for a in annotations if a.image_shape is not None),
        "image_channels": [],
        "pixel_size_nm": None,
        "missing": [str(path) for path in missing],
    }


def _of_images(paths, limit):
    """Description of a folder of images by their headers."""
    shapes, sizes, pages, errors = [], [], 0, []
    for i in evenly_spread(range(len(paths)), limit):
        try:
            with open_image(paths[i]) as source:
                shapes.append(source.shape)
                sizes.append(source.pixel_size_nm)
                pages += source.pages
        except DataError as error:
            errors.append(error)
    if not shapes:
        raise errors[0]
    return {
        "kind": "data",
        "layout": "images without ground truth",
        "images": len(paths),
        "measured": len(shapes),
        "complete": len(shapes) == len(paths),
        "pages": pages,
        "objects": None,
        "classes": {},
        "named": False,
        "outlines": False,
        "diameter_px": None,
        "diameters_by_class": {},
        "image_sizes": _extremes(shape[:2] for shape in shapes),
        "image_channels": sorted({shape[2] for shape in shapes}),
        "pixel_size_nm": _common(sizes),
        "missing": [],
    }, errors


# --- Text ---
def rows(found):
    """(label, text) rows of a description."""
    if found["objects"] is None:
        rows = [("what", f"folder of images{_pages_text(found)}"), ("images", _images_text(found))]
        return [*rows, ("pixel size", _pixel_text(found))]
    return [
        ("what", f"data set: {found['layout']}"),
        ("images", _images_text(found)),
        ("objects", _objects_text(found)),
        ("classes", _classes_text(found)),
        *_size_rows(found),
        ("pixel size", _pixel_text(found)),
    ]


def _pages_text(found):
    more = found["pages"] > found["measured"]
    return f", with {found['pages']} pages in {counted(found['measured'], 'image')}" if more else ""


def _images_text(found):
    text = counted(found["images"], "image")
    if found["image_sizes"]:
        low, high = (f"{h} x {w}" for h, w in found["image_sizes"])
        text += f" of {low} pixels" if low == high else f" of {low} to {high} pixels"
    if found["image_channels"]:
        channels = found["image_channels"]
        text += f", {counted(channels[0], 'channel') if len(channels) == 1 else joined(channels) + ' channels'}"
    if found["missing"]:
        text += f"; {len(found['missing'])} of them do not exist, such as {found['missing'][0]}"
    return text


def _objects_text(found):
    if found["complete"]:
        return f"{found['objects']:,}"
    return f"{found['objects']:,} in {counted(found['measured'], 'image')} evenly spread over the data set (--limit)"


def _classes_text(found):
    if not found["named"]:
        return "one, which this layout does not name"
    return joined(f"{name} ({count:,})" for name, count in found["classes"].items()) or "none"


def _size_rows(found):
    if found["diameter_px"] is None:
        return []
    what = "diameter" if found["outlines"] else "diameter of circles as large as the boxes:"
    size = found["pixel_size_nm"]
    rows = [("object size", f"{what} {_diameter_text(found['diameter_px'], size)}")]
    return rows + [(f"  {name}", _diameter_text(d, size)) for name, d in found["diameters_by_class"].items()]


def _diameter_text(quartiles, size_nm):
    low, median, high = quartiles
    text = f"{median:.3g} pixels (half of them {low:.3g} to {high:.3g})"
    if size_nm is None:
        return text
    scale = math.sqrt(math.prod(size_nm))
    return f"{text}, {length(median * scale)} ({length(low * scale)} to {length(high * scale)})"


def _pixel_text(found):
    return pixel_size(found["pixel_size_nm"]) if found["pixel_size_nm"] else "unknown, or not the same in all images"
