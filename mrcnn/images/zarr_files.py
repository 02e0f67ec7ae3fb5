"""Zarr files: the array of the full resolution of an OME-Zarr (0.4 or 0.5), its axes and its pixel size."""

import os
from dataclasses import dataclass

from mrcnn.errors import DataError, MissingExtra
from mrcnn.images import decoder_errors
from mrcnn.images.decoder_errors import damage_named
from mrcnn.images.stated_size import UNKNOWN, StatedSize, stated_size

_EXPECTED = "Expected a Zarr array, or an OME-Zarr with multiscales"


@dataclass(frozen=True)
class ZarrImage:
    """The largest array of an image, which is not read yet.

    Attributes
    ----------
    array : zarr.Array
    axes : tuple of str or None
        The names of its axes, such as ("c", "y", "x"); None if the metadata do not name them.
    size : StatedSize
        Of a voxel.
    """

    array: object
    axes: tuple
    size: StatedSize = UNKNOWN


def import_zarr():
    """The package zarr; raises `MissingExtra` if it is not installed."""
    try:
        import zarr
    except ImportError as error:
        raise MissingExtra("zarr", "zarr") from error
    return zarr


def open_zarr(path, scene=None):
    """The image of a Zarr array, an OME-Zarr, or a folder of OME-Zarr images as bioformats2raw writes it.

    Parameters
    ----------
    path : str or Path
    scene : str, optional
        Name of the image in a folder that holds several.

    Returns
    -------
    ZarrImage

    Raises
    ------
    DataError
        The metadata are damaged, the folder is no image (a plate, a well), or it holds several and none was chosen.
    MissingExtra
        The package zarr is not installed.
    """
    zarr = import_zarr()
    with damage_named(decoder_errors.ZARR, path, "cannot be read as a Zarr image", _EXPECTED):
        try:
            return _image(zarr, path, zarr.open(os.fspath(path), mode="r"), scene)
        except (TypeError, AssertionError) as error:
            if not decoder_errors.is_of_zarr_metadata(error):
                raise
            raise DataError(path, f"has damaged Zarr metadata ({error})", _EXPECTED) from error


def _image(zarr, path, node, scene):
    attributes = _attributes(node)
    if not isinstance(node, zarr.Array) and "bioformats2raw.layout" in attributes and "multiscales" not in attributes:
        names = _series(node)
        node = node[choose_scene(path, names, scene)]
        attributes = _attributes(node)
    elif scene is not None:
        refuse_scene(path, scene)
    if isinstance(node, zarr.Array):
        names = getattr(node.metadata, "dimension_names", None)  # of Zarr 3 only
        return ZarrImage(node, _names(names))
    for key, inside in (("plate", "row/column/field, such as A/1/0"), ("well", "field, such as 0")):
        if key in attributes:
            raise DataError(
                path,
                f"is a {key} of many images, but a single image is expected",
                f"Choose the folder of one image in it: {inside}",
            )
    array = node[_full_resolution(attributes)]
    if not isinstance(array, zarr.Array):
        raise ValueError("its multiscales name a group where an array belongs")
    scales = attributes["multiscales"][0]
    axes = scales.get("axes")
    names = _names([a.get("name") if isinstance(a, dict) else a for a in axes] if isinstance(axes, list) else None)
    return ZarrImage(array, names, _stated_size(scales, names))


def _attributes(node):
    """Metadata of OME, which version 0.5 keeps under a key of their own."""
    attributes = dict(node.attrs)
    inside = attributes.get("ome", attributes)
    return inside if isinstance(inside, dict) else {}


def _full_resolution(attributes):
    """Name of the largest array of an OME-Zarr; raises `ValueError` if its attributes do not give it."""
    found = attributes
    for key, kind in (("multiscales", list), (0, dict), ("datasets", list), (0, dict), ("path", str)):
        inside = found.get(key) if isinstance(found, dict) else found[0] if found else None
        if not isinstance(inside, kind):
            raise ValueError("its attributes have no multiscales with the path of an array")
        found = inside
    return found


def _names(names):
    """Axis names in lower case, or None unless all of them are text."""
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(n, str) for n in names):
        return None
    return tuple(n.lower() for n in names)


def _series(group):
    """Names of the images in a folder that bioformats2raw wrote: those that it lists, otherwise 0, 1, 2, ..."""
    listed = _attributes(group["OME"]).get("series") if "OME" in group else None
    if isinstance(listed, list) and listed and all(isinstance(name, str) for name in listed):
        return listed
    count = 0
    while str(count) in group:
        count += 1
    if not count:
        raise ValueError("it holds no image")
    return [str(n) for n in range(count)]


def choose_scene(path, names, scene):
    """The name of the image to read, from those that a file holds; raises `DataError` if that is ambiguous."""
    if scene is None and len(names) == 1:
        return names[0]
    if scene in names:
        return scene
    some = ", ".join(map(str, names[:10])) + (", ..." if len(names) > 10 else "")
    raise DataError(
        path,
        f"holds {len(names)} images ({some}), but one is expected" if scene is None else f"holds no image '{scene}'",
        f"Choose one by its name, as in open_image(path, scene={names[0]!r}), or save it as a separate file"
        if scene is None
        else f"Choose one of {some}",
    )


def refuse_scene(path, scene):
    """Raise `DataError`, because only one image is in the file and it has no name."""
    raise DataError(path, f"holds a single image, so it has no image '{scene}'", "Leave out the scene")


def _stated_size(scales, names):
    """The `StatedSize` from the scales of the largest array and of the image, which are multiplied."""
    if names is None:
        return UNKNOWN
    size = dict.fromkeys(names, 1.0)
    stated = False
    for owner in (scales["datasets"][0], scales):
        for transform in _list(owner.get("coordinateTransformations")):
            scale = transform.get("scale") if isinstance(transform, dict) else None
            if isinstance(scale, list) and len(scale) == len(names) and all(_is_number(v) for v in scale):
                size = {name: size[name] * v for name, v in zip(names, scale)}
                stated = True
    units = {name: a.get("unit") for name, a in zip(names, scales["axes"]) if isinstance(a, dict)}
    return stated_size(*((size.get(a), units.get(a)) for a in "zyx")) if stated else UNKNOWN


def _list(value):
    return value if isinstance(value, list) else []


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)
