"""What a TIFF says of other files and of further contents: OME-TIFF of several files, further images, ImageJ's ROIs."""

import math

from mrcnn.errors import DataError
from mrcnn.images import decoder_errors
from mrcnn.images.decoder_errors import damage_named

MOST_PLANES = 10_000_000  # that OME-XML may declare: tifffile makes a list of all
_SHOWN = 4  # files of a set in a message
_ONE_FILE = (
    "Save the set as one OME-TIFF: in Fiji, File > Import > Bio-Formats with this file, then File > Save As > OME-TIFF"
)


def ome_root(tif, path):
    """Root element of the file's OME-XML, parsed by defusedxml."""
    from defusedxml import ElementTree

    with damage_named(
        decoder_errors.XML, path, "has OME-XML that cannot be read", "Save it again without OME metadata"
    ):
        return ElementTree.fromstring(tif.ome_metadata)


def check_ome(tif, path):
    """Raise `DataError` for OME-XML that is hostile, declares more than can be, or is kept in another file.

    To be called before tifffile parses it.
    """
    root = ome_root(tif, path)
    with damage_named(decoder_errors.XML, path, "has damaged OME-XML", "Export or copy it again"):
        for element in root.iter():
            name = _local(element)
            if name == "BinaryOnly":
                described_in = element.get("MetadataFile") or "another file"
                raise DataError(
                    path,
                    f"is one file of an OME-TIFF set whose axes, channels and pixel size are in {described_in[:200]}",
                    _ONE_FILE,
                )
            planes = _planes(element, name)
            if planes > MOST_PLANES:
                raise DataError(path, f"declares {planes:.3g} planes in its OME-XML", "Export or copy it again")


def _planes(element, name):
    """Planes that an element of OME-XML declares, 0 for other elements."""
    if name == "Pixels":
        return math.prod(float(element.get(f"Size{axis}", 1)) for axis in "ZTC")
    if name == "TiffData":
        return max(float(element.get(key, 0)) for key in ("PlaneCount", "NumPlanes", "IFD"))
    if name.startswith("Along") and "Start" in element.attrib:
        return (float(element.get("End")) - float(element.get("Start"))) / float(element.get("Step", 1))
    return 0


def series_of(tif, path):
    """The series of a file that is read: the first; of a set of files, the one image that is wholly in this file.

    Raises
    ------
    DataError
        The image is split over several files.
    """
    first = tif.series[0]
    if not tif.is_ome or _is_inside(first, tif):
        return first
    inside = [series for series in tif.series if _is_inside(series, tif)]
    if len(inside) == 1:
        return inside[0]
    others = _files_of_set(ome_root(tif, path), tif.filename)
    if not others:
        return first  # pages are missing, which is said where they are counted
    raise DataError(
        path,
        f"is one file of an OME-TIFF set: its image is also in {listed(others, _SHOWN)}",
        _ONE_FILE,
    )


def _is_inside(series, tif):
    return all(page is not None and page.parent is tif for page in series.pages)


def _files_of_set(root, own):
    """Names of the other files that OME-XML names, in order."""
    names = [
        element.get("FileName")
        for element in root.iter()
        if _local(element) == "UUID" and element.get("FileName") and element.text != root.get("UUID")
    ]
    return [name for name in dict.fromkeys(names) if name.lower() != own.lower()]


def _local(element):
    return str(element.tag).rpartition("}")[2]


def listed(names, most):
    """The first of these names, and how many there are beyond them."""
    more = len(names) - most
    return ", ".join(str(name)[:120] for name in names[:most]) + (f" and {more} more" if more > 0 else "")


def notes_of(tif, series):
    """Sentences about contents of the file that are not read.

    Parameters
    ----------
    tif : tifffile.TiffFile
    series : tifffile.TiffPageSeries
        The one that is read.
    """
    metadata = tif.imagej_metadata or {}
    rois = sum(_count(metadata.get(name)) for name in ("ROI", "Overlays"))
    notes = []
    if rois:
        count = "1 ROI of ImageJ, which is" if rois == 1 else f"{rois} ROIs of ImageJ, which are"
        export = "to export them, in Fiji: Image > Overlay > To ROI Manager, then More > Save"
        notes.append(f"holds {count} not used ({export})")
    declared = metadata.get("images", 1)
    if series.kind != "imagej" and isinstance(declared, int) and declared > len(tif.pages):
        # Cut off, or a page that a program saved alone with the description of all.
        notes.append(f"declares {declared:.6g} images in its ImageJ metadata, but holds {len(tif.pages)}")
    if tif.is_ome and len(tif.series) > 1:
        inside = [one for one in tif.series if _is_inside(one, tif)]
        if len(inside) > 1:
            name = f" ({series.name[:60]})" if series.name else ""
            notes.append(f"holds {len(inside)} images, of which only the first{name} is read")
    return tuple(notes)


def _count(value):
    return 0 if value is None else len(value) if isinstance(value, (list, tuple)) else 1
