"""`open_image`: any image file or OME-Zarr as an `ImageSource`, which is read whole or by window."""

from pathlib import Path

from mrcnn.errors import DataError
from mrcnn.images import read
from mrcnn.images.bioio_source import BioSource
from mrcnn.images.folders import BIOIO, is_zarr, refuse_preview
from mrcnn.images.image_source import ImageSource
from mrcnn.images.kinds import DECODED, kind_of
from mrcnn.images.tiff_source import TiffSource
from mrcnn.images.zarr_files import refuse_scene
from mrcnn.images.zarr_source import ZarrSource

__all__ = ["ImageSource", "open_image"]


def open_image(path, *, keep_alpha=False, channels=None, scene=None):
    """Open an image without reading its pixels.

    Parameters
    ----------
    path : str or Path
        TIFF, PNG, JPEG, BMP, PBM, PGM or PPM, told by the first bytes; the folder of a Zarr array or an OME-Zarr (0.4
        or 0.5, full resolution); CZI, ND2 or LIF if bioio and its reader for the format are installed.
    keep_alpha : bool
        False: an alpha channel declared by a TIFF or PNG is dropped.
    channels : int or sequence of int, optional
        Numbers of the channels to read, from 0, in this order; by default all.
    scene : str, optional
        Name of the image in a file or folder that holds several (scenes of CZI and LIF, positions of ND2, series of
        bioformats2raw).

    Returns
    -------
    ImageSource
        Pages of a TIFF are those of `mrcnn.images.read.read_image`. Elsewhere z and t count the pages; `page_axes`
        tells what each page is.

    Raises
    ------
    ConfigError
        `channels` are not numbers.
    DataError
        The image is missing, damaged or of unknown format; has no such channel or scene, or several scenes and none was
        chosen; is a plate or well; or it has to be decoded as a whole and has more than
        `mrcnn.images.read.MAX_PIXELS` values.
    MissingExtra
        A Zarr is given, but zarr is not installed.
    """
    path = Path(path)
    if path.is_dir():
        if not is_zarr(path):
            raise DataError(path, "is a folder, not an image", "Give the images in it, or the folder of an OME-Zarr")
        return ZarrSource(path, channels, scene)
    kind = kind_of(path)  # raises an error if it is missing or empty
    if path.suffix.lower() in BIOIO and kind not in DECODED:
        return BioSource(path, channels, scene)
    refuse_preview(path)
    if scene is not None:
        refuse_scene(path, scene)
    return TiffSource(path, keep_alpha, channels) if kind == "tiff" else FileSource(path, keep_alpha, channels)


class FileSource(ImageSource):
    """A file that Pillow decodes as a whole; parameters as in `open_image`."""

    def __init__(self, path, keep_alpha=False, channels=None):
        self._keep_alpha = keep_alpha
        shape, dtype = read.image_header(path, keep_alpha=keep_alpha)
        super().__init__(path, 1, shape, dtype, by_window=False, channels=channels)

    def _page(self, page):
        return self._of_all(read.read_image(self.path, page, keep_alpha=self._keep_alpha))
