"""Write synthetic fields in the usual file layout: one image per stain, merged images, and VOC and COCO annotations."""

from pathlib import Path

import numpy as np

from mrcnn.domains.hpa.fields import CHANNELS
from mrcnn.domains.hpa.merge import merge_rgb
from mrcnn.files import whole_file
from mrcnn.formats import coco, voc
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.formats.segments import CocoSegment


def write_cell_folder(dataset, folder, image_ids=None):
    """Write fields as files, with boxes in LabelImg's format and masks in COCO format.

    Files, with `<id>` the id of the field in the data set:

    - `channels/<id>_red.png`, `_green`, `_blue`, `_yellow`: the stains, 8 or 16 bits;
    - `images/<id>.png`: merged to RGB by `mrcnn.domains.hpa.merge.merge_rgb`; for 16 bits `.tif`, because the PNG
      writer used here does not support 16-bit RGB;
    - `annotations/<id>.xml`: boxes and classes; objects at the image border are marked as truncated;
    - `instances.json`: the same objects with their masks.

    Parameters
    ----------
    dataset : SyntheticCells
    folder : str or Path
        Created if missing; existing files with the same name are replaced.
    image_ids : iterable of int, optional
        All by default.

    Returns
    -------
    list of ImageAnnotation
        The annotations that were written, in order.

    Raises
    ------
    DataError
        A file cannot be written.
    """
    folder, annotations = Path(folder), []
    for image_id in dataset.image_ids if image_ids is None else image_ids:
        name, stains = dataset.image_reference(image_id), dataset.load_stains(image_id)
        for channel, color in enumerate(CHANNELS):
            _write_picture(folder / "channels" / f"{name}_{color}.png", stains[..., channel])
        picture = folder / "images" / f"{name}{'.png' if stains.dtype == np.uint8 else '.tif'}"
        _write_picture(picture, merge_rgb(stains))
        annotations.append(_annotation(picture, dataset.load_instances(image_id), dataset.class_names))
    voc.write(folder / "annotations", annotations)
    coco.write(folder / "instances.json", annotations, classes=dataset.class_names[1:])
    return annotations


def _write_picture(path, image):
    import imageio.v3 as iio
    import tifffile

    with whole_file(path) as draft:
        if path.suffix == ".tif":
            tifffile.imwrite(draft, image, photometric="rgb", compression="zlib")
        else:
            iio.imwrite(draft, image, extension=".png")


def _annotation(picture, instances, class_names):
    (height, width), boxes = instances.image_shape, instances.boxes
    cut = (boxes[:, :2] == 0).any(axis=1) | (boxes[:, 2] == height) | (boxes[:, 3] == width)
    return ImageAnnotation(
        picture,
        instances.image_shape,
        boxes,
        [class_names[c] for c in instances.class_ids],
        truncated=cut,
        segments=[_run_lengths(instances, i) for i in range(len(instances))],
    )


def _run_lengths(instances, index):
    """Mask of an object as COCO run lengths: column by column, alternating between background and object."""
    full = np.zeros(instances.image_shape, bool)
    y1, x1, y2, x2 = instances.boxes[index]
    full[y1:y2, x1:x2] = instances.masks[index]
    pixels = full.ravel(order="F")
    changes = np.flatnonzero(np.diff(pixels, prepend=False))
    counts = np.diff(np.concatenate([[0], changes, [len(pixels)]]))
    return CocoSegment({"size": list(instances.image_shape), "counts": counts.tolist()})
