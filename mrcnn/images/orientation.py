"""Orientation of an image: the values 1 to 8 of EXIF and of the TIFF tag 274, for arrays, shapes and windows."""

import struct

import numpy as np

EXIF_TAG = 274
# How the upright image is made of the stored one: exchange rows and columns, then reverse rows, columns.
_STEPS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}
_SHORT = 3  # type of a tag


def checked(value):
    """The orientation as an int from 1 to 8; 1 (as stored) for any other value, as in viewers."""
    return int(value) if isinstance(value, (int, np.integer)) and value in _STEPS else 1


def exchanges_sides(orientation):
    """Whether rows of the stored image are columns of the upright one."""
    return _STEPS[orientation][0]


def upright_shape(shape, orientation):
    """Shape (H, W, ...) of the upright image, from that of the stored one."""
    return (shape[1], shape[0], *shape[2:]) if exchanges_sides(orientation) else tuple(shape)


def upright(pixels, orientation):
    """The upright image of stored pixels [H, W, ...]."""
    exchange, down, across = _STEPS[orientation]
    if exchange:
        pixels = pixels.swapaxes(0, 1)
    pixels = pixels[::-1] if down else pixels
    pixels = pixels[:, ::-1] if across else pixels
    return pixels if orientation == 1 else np.ascontiguousarray(pixels)


def stored_window(window, shape, orientation):
    """The window (y1, x1, y2, x2) of the stored image that shows this window of the upright one, of shape (H, W)."""
    y1, x1, y2, x2 = window
    exchange, down, across = _STEPS[orientation]
    if down:
        y1, y2 = shape[0] - y2, shape[0] - y1
    if across:
        x1, x2 = shape[1] - x2, shape[1] - x1
    return (x1, y1, x2, y2) if exchange else (y1, x1, y2, x2)


def of_jpeg(image):
    """Orientation that the EXIF data of an opened Pillow JPEG state."""
    return of_exif(image.info.get("exif", b""))


def of_png(path):
    """Orientation that the chunk eXIf of a PNG states, wherever it is; no pixels are decoded."""
    return of_exif(_exif_chunk(path) or b"")


def of_exif(data):
    """Orientation in the first directory of EXIF data; 1 if they have none, or are damaged, as in viewers.

    Pillow would print a warning for damaged data.
    """
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    try:
        place = struct.unpack_from(order + "I", data, 4)[0]
        count = struct.unpack_from(order + "H", data, place)[0]
        for n in range(count):
            tag, kind, length, value = struct.unpack_from(order + "HHIH", data, place + 2 + 12 * n)
            if tag == EXIF_TAG and kind == _SHORT and length == 1:
                return checked(value)
    except (struct.error, TypeError):  # it ends early, or has no byte order
        pass
    return 1


def _exif_chunk(path):
    """Content of the chunk eXIf, or None; the other chunks are skipped."""
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"eXIf":
                return file.read(length)
            if kind == b"IEND":
                return None
            file.seek(length + 4, 1)
    return None
