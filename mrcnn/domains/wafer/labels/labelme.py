"""Read the labels of a wafer from labelme JSON: parts are identified by label or by position in the file."""

import re
from pathlib import Path

from mrcnn.domains.wafer.labels.outlines import PARTS, Section, WaferLabels
from mrcnn.errors import DataError
from mrcnn.formats.checked import listed, shown
from mrcnn.formats.labelme import read_shapes
from mrcnn.images.read import image_shape as stored_image_shape

_KINDS = {
    "tissue": "tissue",
    "mag": "magnet",
    "magnet": "magnet",
    "magnetic": "magnet",
    "envelope": "envelope",
    "background": "background",
    "dummy": "dummy",
}
_LABEL = re.compile(r"\s*([a-z]+?)s?[\s_-]*(\d{1,9})?\s*", re.IGNORECASE)
_NUMBERED = (*PARTS, "dummy")
# Labels that say nothing of what an outline is, so that its position may: no label, a number or a letter, or such a
# word
_NEUTRAL = re.compile(r"\s*(section|slice|part|polygon|outline|shape|label|roi|[a-z])?s?[\s_-]*\d*\s*", re.IGNORECASE)


def read_labelme(path, image_shape=None):
    """Read labels from a labelme file (old 3.x or new), which identifies parts in one of two ways.

    By label: outlines are named `tissue-i`, `magnet-i` (or `mag-i`, `magnetic-i`), `envelope-i` and `background`, in
    any order, where i is the number of the section. The number may also be given as `group_id`. A section may lack
    parts; `dummy-i` is ignored because dummies are not to be detected.

    By position, if no outline has such a name with a number: three outlines per section (tissue, magnet, envelope),
    and finally the background. Names are not needed, but if they distinguish several parts they must be consistent;
    labels of other things, such as `person`, are refused.

    Parameters
    ----------
    path : str or Path
    image_shape : (int, int), optional
        Height and width of the image; by default as stated in the file, or read from the image that it names.

    Returns
    -------
    WaferLabels

    Raises
    ------
    DataError
        As in `mrcnn.formats.labelme.read_shapes`; a triplet is incomplete; a name is unknown or occurs twice; labels
        lie outside the image.
    """
    path = Path(path)
    file = read_shapes(path)
    names, polygons = [shape.label for shape in file.shapes], [shape.polygon for shape in file.shapes]
    kinds = [kind_of(shape) for shape in file.shapes]
    if any(kind in PARTS and number is not None for kind, number in kinds):
        sections, background = _by_label(path, names, kinds, polygons)
    else:
        sections, background = _by_position(path, names, [kind for kind, _ in kinds], polygons)
    labels = WaferLabels(sections, background, _image_shape(path, file, image_shape), file.image_path)
    labels.check_inside(where=path)
    return labels


# --- Labels ---
def kind_of(shape):
    """Kind (None if unknown) and section number (None if not given) of a labelled shape."""
    match = _LABEL.fullmatch(shape.label)
    kind = _KINDS.get(match[1].lower()) if match else None
    if kind is None or kind == "background":
        return kind, None
    return kind, int(match[2]) if match[2] is not None else shape.group_id


def _by_label(path, names, kinds, polygons):
    found, background = {}, None
    for i, (name, (kind, number), polygon) in enumerate(zip(names, kinds, polygons), start=1):
        if kind is None or kind in PARTS and number is None:
            raise DataError(
                path,
                f"shape {i} has the label {shown(name)}, while other labels have the form tissue-1",
                f"Rename it to {', '.join(f'{n}-<section>' for n in _NUMBERED)} or background",
            )
        if kind == "background":
            if background is not None:
                raise DataError(path, f"shape {i} is a second background", "Keep one of them")
            background = polygon
        elif kind in PARTS:
            parts = found.setdefault(number, {})
            if kind in parts:
                raise DataError(
                    path,
                    f"shape {i} is a second {kind} of section {number}",
                    "Give it the number of its own section, or delete one of the two",
                )
            parts[kind] = polygon
    return [Section(number, **found[number]) for number in sorted(found)], background


def _refuse_other_things(path, names, kinds):
    """Raise `DataError` if outlines without section numbers have labels of things that are no parts of sections."""
    foreign = [name for name, kind in zip(names, kinds) if kind is None and not _NEUTRAL.fullmatch(name)]
    if foreign:
        raise DataError(
            path,
            f"has labels that are no parts of sections ({listed(dict.fromkeys(foreign), 5)})",
            "If these are sections, rename the outlines to tissue-1, magnet-1, ...; labels of other objects are "
            "read from COCO, to which labelme2coco converts them",
        )


def _by_position(path, names, kinds, polygons):
    count = len(polygons)
    _refuse_other_things(path, names, kinds)
    if count % 3 != 1 or count < 4:
        raise DataError(
            path,
            f"contains {count} outlines without section numbers, which do not form triplets of tissue, "
            "magnet and envelope followed by one background",
            "Add the missing outlines in this order (1, 4, 7, ... tissue; the last one is the background), or "
            "name the outlines tissue-1, magnet-1, ...",
        )
    expected = [*(PARTS * (count // 3)), "background"]
    if len(set(kinds) - {None}) > 1:
        for i, (kind, wanted) in enumerate(zip(kinds, expected)):
            if kind is not None and kind != wanted:
                raise DataError(
                    path,
                    f"shape {i + 1} has the label {names[i]!r}, but by position it should be a {wanted}",
                    "Add a number to each label (tissue-1, magnet-1, ...), or put the outlines in the order tissue, "
                    "magnet, envelope",
                )
    sections = [Section(i // 3 + 1, *polygons[i : i + 3]) for i in range(0, count - 1, 3)]
    return sections, polygons[-1]


# --- The image ---
def _image_shape(path, file, given):
    if file.image_shape is None:
        return given or stored_shape(file.image_path)
    height, width = file.image_shape
    if given is not None and tuple(int(v) for v in given[:2]) != file.image_shape:
        raise DataError(
            path,
            f"was drawn on an image of {height} x {width} pixels (rows x columns), but this image "
            f"has {given[0]} x {given[1]}",
            "Use the labels with the image they were drawn on, or give the scale between the two",
        )
    return file.image_shape


def stored_shape(image_path):
    """Height and width of an image from its header, or None if the file does not exist."""
    return stored_image_shape(image_path)[:2] if image_path is not None and Path(image_path).is_file() else None
