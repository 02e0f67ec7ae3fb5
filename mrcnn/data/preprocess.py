"""Preprocess microscope images: crop the caption bar, downscale, write mirrored and rotated copies."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrcnn.data.readers.file_dataset import COPY_SUFFIXES
from mrcnn.errors import ConfigError, DataError
from mrcnn.files import whole_folder
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.length_units import NM

# Step along the axes (rows, columns) in each copy: a rotation by 180 degrees reverses both, and rotation plus mirroring
# reverses only the rows.
_REVERSED = {"": (), "__mirror": (1,), "__rot180": (0, 1), "__mirror_rot180": (0,)}
COPIES = ("", *COPY_SUFFIXES)


@dataclass
class PreprocessSummary:
    """What `preprocess_folder` wrote.

    Attributes
    ----------
    folder : Path
    images, objects : int
        Number of image files and mask files.
    dropped : list of str
        Objects that vanished in cropping or downscaling: image and object number, from 0.
    """

    folder: Path
    images: int = 0
    objects: int = 0
    dropped: list = field(default_factory=list)


def crop_image(image, crop):
    """Part (y1, x1, y2, x2) of an image [H, W] or [H, W, C], in pixels, y2 and x2 exclusive."""
    y1, x1, y2, x2 = _checked_crop(crop, image.shape)
    return image[y1:y2, x1:x2]


def crop_instances(instances, crop):
    """Objects in the part (y1, x1, y2, x2) of their image, clipped to it; and the indices of those kept."""
    y1, x1, y2, x2 = _checked_crop(crop, instances.image_shape)
    return instances.moved_with_indices((-y1, -x1), (y2 - y1, x2 - x1))


def downscale_image(image, factor):
    """An image [H, W] or [H, W, C] at 1 / `factor` of its size; each pixel is the mean of `factor` x `factor` pixels.

    Integer types are rounded and kept. Rows and columns that do not fill a whole block (fewer than `factor` at the
    bottom and on the right) are cut off.
    """
    factor = _checked_factor(factor, image.shape)
    height, width = (n // factor for n in image.shape[:2])
    blocks = image[: height * factor, : width * factor].reshape(height, factor, width, factor, *image.shape[2:])
    mean = blocks.mean(axis=(1, 3), dtype=np.float64)
    return (np.rint(mean) if image.dtype.kind in "uib" else mean).astype(image.dtype)


def downscale_instances(instances, factor):
    """Objects in the image at 1 / `factor` of its size, and the indices of those kept.

    A pixel belongs to an object that covers at least half of its `factor` x `factor` pixels. The pixel size is
    multiplied by `factor`.
    """
    factor = _checked_factor(factor, instances.image_shape)
    height, width = (n // factor for n in instances.image_shape)
    boxes, masks = [], []
    for (y1, x1, y2, x2), mask in zip(instances.boxes, instances.masks, strict=True):
        top, left = y1 // factor, x1 // factor
        bottom, right = min(-(-y2 // factor), height), min(-(-x2 // factor), width)
        if top >= bottom or left >= right:  # entirely in the cut-off remainder
            boxes.append((0, 0, 0, 0))
            masks.append(np.zeros((0, 0), bool))
            continue
        full = np.zeros(((bottom - top) * factor, (right - left) * factor), bool)
        row, column = y1 - top * factor, x1 - left * factor
        fits = mask[: full.shape[0] - row, : full.shape[1] - column]  # drops the cut-off remainder
        full[row : row + fits.shape[0], column : column + fits.shape[1]] = fits
        share = full.reshape(bottom - top, factor, right - left, factor).mean(axis=(1, 3))
        boxes.append((top, left, bottom, right))
        masks.append(share >= 0.5)
    size = instances.pixel_size_nm
    smaller = Instances(
        (height, width),
        boxes,
        instances.class_ids,
        instances.scores,
        masks,
        None if size is None else tuple(v * factor for v in size),
    )
    return smaller.moved_with_indices((0, 0), (height, width))


def flip_image(image, copy):
    """One of the four copies of an image: "" (itself), "__mirror", "__rot180", "__mirror_rot180"."""
    return np.flip(image, _REVERSED[copy])


def flip_instances(instances, copy):
    """The objects in that copy of the image."""
    for axis in _REVERSED[copy]:
        instances = instances.flipped(axis)
    return instances


def preprocess_folder(source, target, crop=None, keep_rows=None, downscale=1, flips=True, **options):
    """Crop and downscale a data set of one class and write it, with flipped copies, as an instance-mask folder.

    For micrographs of 4864 x 3704 pixels with a caption bar of 440 rows, ``keep_rows=(0, 3264), downscale=4`` gives
    1216 x 816 pixels, and four copies of each image.

    Parameters
    ----------
    source : str or Path
        A folder or stack that `mrcnn.data.readers.open.open_dataset` reads.
    target : str or Path
        Folder to write; it must not exist. Images are TIFF (`Images/<name>.tif`, with the pixel size), masks 1-bit
        PNG (`Masks/<name>/<name>_Mask_<i>.png`). Copies are named `<name>__mirror`, `<name>__rot180` (rotated by 180
        degrees) and `<name>__mirror_rot180`; from these endings `MaskFolderDataset` knows that all four belong to the
        same `group`.
    crop : (int, int, int, int), optional
        Part (y1, x1, y2, x2) to keep, in pixels, y2 and x2 exclusive.
    keep_rows : (int, int), optional
        First row to keep and end row (exclusive): a crop of all columns.
    downscale : int
        See `downscale_image`.
    flips : bool
        Whether to write the three copies.
    **options
        Options of the reader, such as `truth`, `threshold` or `pixel_size_nm`.

    Returns
    -------
    PreprocessSummary

    Raises
    ------
    DataError
        `target` exists or cannot be written, or a file of the source cannot be used. Then nothing is left behind:
        everything is written under a temporary name and renamed at the end.
    ConfigError
        A crop or factor does not fit the images.
    """
    from mrcnn.data.readers.open import open_dataset

    if crop is not None and keep_rows is not None:
        raise ConfigError("Use either crop or keep_rows, not both.")
    target = Path(target)
    if target.exists():
        raise DataError(target, "already exists and is not overwritten", "Choose another name, or remove it first")
    dataset = open_dataset(source, **options)
    if len(dataset.class_info) != 2:
        raise DataError(
            source,
            f"has {len(dataset.class_info) - 1} classes, but a mask folder can hold only one",
            "Prepare each class separately",
        )
    summary = PreprocessSummary(target)
    with whole_folder(target, cure="Check the free space and the folder's permissions") as unfinished:
        (unfinished / "Images").mkdir()
        (unfinished / "Masks").mkdir()
        for image_id in dataset.image_ids:
            image, objects = _prepared(dataset, image_id, crop, keep_rows, downscale, summary)
            for copy in COPIES if flips else COPIES[:1]:
                name = f"{dataset.image_info[image_id]['id']}{copy}"
                _write_picture(unfinished, name, flip_image(image, copy), objects.pixel_size_nm)
                _write_masks(unfinished, name, flip_instances(objects, copy))
                summary.images += 1
                summary.objects += len(objects)
    return summary


def _prepared(dataset, image_id, crop, keep_rows, downscale, summary):
    from mrcnn.images.read import read_image

    info = dataset.image_info[image_id]
    image, objects = read_image(info["path"], info.get("page")), dataset.load_instances(image_id)
    count = len(objects)
    numbers = np.arange(count)
    if keep_rows is not None:
        crop = (keep_rows[0], 0, keep_rows[1], image.shape[1])
    if crop is not None:
        image = crop_image(image, crop)
        objects, kept = crop_instances(objects, crop)
        numbers = numbers[kept]
    if downscale != 1:
        image = downscale_image(image, downscale)
        objects, kept = downscale_instances(objects, downscale)
        numbers = numbers[kept]
    lost = sorted(set(range(count)) - set(numbers.tolist()))
    summary.dropped += [f"{info['id']}, object {i}" for i in lost]
    return image, objects


def _write_picture(folder, name, image, pixel_size_nm):
    import tifffile

    size = (
        {}
        if pixel_size_nm is None
        else {"resolution": (NM["cm"] / pixel_size_nm[1], NM["cm"] / pixel_size_nm[0]), "resolutionunit": "CENTIMETER"}
    )
    colour = image.ndim == 3 and image.shape[-1] == 3 and image.dtype.kind == "u"
    planes = {"planarconfig": "contig"} if image.ndim == 3 else {}
    tifffile.imwrite(
        folder / "Images" / f"{name}.tif",
        image,
        photometric="rgb" if colour else "minisblack",
        compression="deflate",
        metadata=None,
        **planes,
        **size,
    )


def _write_masks(folder, name, objects):
    from PIL import Image

    (folder / "Masks" / name).mkdir()
    for i, ((y1, x1, y2, x2), mask) in enumerate(zip(objects.boxes, objects.masks, strict=True)):
        full = np.zeros(objects.image_shape, bool)
        full[y1:y2, x1:x2] = mask
        Image.fromarray(full).save(folder / "Masks" / name / f"{name}_Mask_{i}.png")


def _checked_crop(crop, shape):
    try:
        y1, x1, y2, x2 = (int(v) for v in crop)
    except (TypeError, ValueError):
        raise ConfigError(f"A crop must be (y1, x1, y2, x2) in pixels, not {crop!r}.") from None
    if not (0 <= y1 < y2 <= shape[0] and 0 <= x1 < x2 <= shape[1]):
        raise ConfigError(
            f"The crop {(y1, x1, y2, x2)} (y1, x1, y2, x2) does not lie inside an image of {shape[0]} rows "
            f"and {shape[1]} columns."
        )
    return y1, x1, y2, x2


def _checked_factor(factor, shape):
    if isinstance(factor, bool) or not isinstance(factor, (int, np.integer)) or not 1 <= factor <= min(shape[:2]):
        raise ConfigError(
            f"downscale must be a whole number from 1 to the image's shorter side ({min(shape[:2])}), not {factor!r}."
        )
    return int(factor)
