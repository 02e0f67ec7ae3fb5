"""Which format a file has, told by its first bytes: files are misnamed often."""

import re

from mrcnn.errors import DataError

# Formats that `mrcnn.images.read` decodes, with their names.
DECODED = {"tiff": "TIFF", "png": "PNG", "jpeg": "JPEG", "bmp": "BMP", "pnm": "PBM, PGM or PPM"}
# Formats that are images, but are not decoded here. The first three are read by bioio, which goes by the suffix.
OTHERS = {
    "czi": "CZI",
    "nd2": "ND2",
    "lif": "LIF",
    "gif": "GIF",
    "webp": "WebP",
    "jpeg2000": "JPEG 2000",
    "jpegxl": "JPEG XL",
    "jpegxr": "JPEG XR",
    "heif": "HEIF or AVIF",
    "oir": "OIR",
}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MARKS = (
    *((mark, "tiff") for mark in _TIFF),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"ZISRAWFILE", "czi"),
    (b"\xda\xce\xbe\x0a", "nd2"),
    (b"GIF8", "gif"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"),
    (b"\xff\x0a", "jpegxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jpegxl"),
    (b"II\xbc\x01", "jpegxr"),
    (b"OLYMPUSRAWFORMAT", "oir"),
)
_HEAD = 512  # bytes; the header of a PGM may hold comments
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # lengths of the second header, at byte 14
_BETWEEN = rb"(?:\s|#[^\r\n]*[\r\n])+"
_PNM = re.compile(rb"P[1-6]" + _BETWEEN + rb"\d+" + _BETWEEN + rb"\d+\s")
_HEIF = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")


def read_head(path, size=_HEAD):
    """The first bytes of a file; raises `DataError` if it is missing or empty."""
    try:
        with open(path, "rb") as file:
            head = file.read(size)
    except OSError as error:
        raise DataError(path, f"cannot be opened ({error.strerror})", "Check its name and permissions") from error
    if not head:
        raise DataError(path, "is empty (0 bytes)", "Export or copy it again")
    return head


def kind_of(path):
    """Format of a file: a key of `DECODED` or `OTHERS`, or None; raises `DataError` if it is missing or empty."""
    return kind_of_head(read_head(path))


def kind_of_head(head):
    """The same for the first bytes of a file."""
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return kind
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF:
        return "heif"
    if head[:4] == b"\x70\0\0\0" and head[8:9] == b"\x2a":
        return "lif"
    return "pnm" if _PNM.match(head) else None


def is_tiff(path):
    """Whether the file begins like a TIFF; raises `DataError` if it is missing or empty."""
    return read_head(path, 4) in _TIFF
