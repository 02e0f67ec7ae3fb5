"""Whether the pixels of a file went through a lossy compression, such as JPEG: told by its content, not its name."""

from mrcnn.images.kinds import kind_of, read_head
from mrcnn.images.tiff import open_tiff

_JPEG = (6, 7, 33007, 34892)  # TIFF tag Compression: JPEG in its variants
_LOSSY = (22610, 34934, 48124)  # JPEG XR of two programs, and Jetraw
_JPEG2000 = (33003, 33004, 33005, 34712)
_WEBP, _JPEGXL = (50001, 34927), (50002, 52546)
_LOSSLESS_JPEG_FRAMES = (0xC3, 0xC7, 0xCB, 0xCF)  # markers SOF of lossless processes
_HEAD = 65536  # bytes of a file or segment in which the header of its codec is looked for


def stored_lossy(path):
    """Whether a file stores its pixels with a lossy compression.

    Parameters
    ----------
    path : str or Path
        JPEG, lossy WebP, lossy JPEG 2000, or a TIFF with one of these inside, whatever its name is. A file that was
        JPEG once and was saved again without loss cannot be told.

    Returns
    -------
    bool

    Raises
    ------
    DataError
        The file is missing or empty, or is a damaged TIFF.
    """
    kind = kind_of(path)
    if kind == "tiff":
        return _tiff_is_lossy(path)
    head = read_head(path, _HEAD)
    if kind == "jpeg":
        return not _is_lossless_jpeg(head)
    if kind == "jpeg2000":
        return _is_lossy_jpeg2000(head)
    return kind in ("jpegxl", "jpegxr", "heif") or kind == "webp" and b"VP8L" not in head[:64]


def _tiff_is_lossy(path):
    with open_tiff(path) as tif:
        page = tif.pages.first
        compression = int(page.compression)
        if compression in _LOSSY or compression in _JPEGXL:
            return True
        if compression not in (*_JPEG, *_JPEG2000, *_WEBP) or not page.databytecounts:
            return False
        tif.filehandle.seek(page.dataoffsets[0])
        head = tif.filehandle.read(min(page.databytecounts[0], _HEAD))
    if compression in _JPEG:
        return not _is_lossless_jpeg(head)
    return _is_lossy_jpeg2000(head) if compression in _JPEG2000 else b"VP8L" not in head[:64]


def _is_lossless_jpeg(data):
    """Whether the frame of a JPEG is that of the lossless process, which few programs write."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker in _LOSSLESS_JPEG_FRAMES
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return False


def _is_lossy_jpeg2000(data):
    """Whether JPEG 2000 uses the irreversible wavelet; also True if its header is not found."""
    place = data.find(b"\xff\x52")  # marker COD: length, style, 4 bytes of layers, 5 of the code blocks and the wavelet
    return place < 0 or len(data) < place + 14 or data[place + 13] == 0
