"""Find invalid tags in a TIFF file, on which tifffile fails with a `TypeError`.

Only files that failed are checked, so a `TypeError` in a sound file is reported as the bug that it is.
"""

import os
import struct

_WHOLE = (1, 3, 4, 6, 8, 9, 13, 16, 17, 18)  # integer types of the format: BYTE, SHORT, LONG, ...
_RATIONAL = (5, 10)
# Tags with one whole number, and with one per channel, strip or tile.
_ONE = {
    254: "NewSubfileType",
    255: "SubfileType",
    256: "ImageWidth",
    257: "ImageLength",
    259: "Compression",
    262: "PhotometricInterpretation",
    266: "FillOrder",
    274: "Orientation",
    277: "SamplesPerPixel",
    278: "RowsPerStrip",
    284: "PlanarConfiguration",
    296: "ResolutionUnit",
    317: "Predictor",
    322: "TileWidth",
    323: "TileLength",
    32997: "ImageDepth",
    32998: "TileDepth",
}
_SEVERAL = {
    258: "BitsPerSample",
    273: "StripOffsets",
    279: "StripByteCounts",
    324: "TileOffsets",
    325: "TileByteCounts",
    330: "SubIFDs",
    338: "ExtraSamples",
    339: "SampleFormat",
    530: "YCbCrSubSampling",
}
_FRACTIONS = {282: "XResolution", 283: "YResolution"}
_MOST_DIRECTORIES = 100_000


def unsound_tag(path):
    """Name of the first tag, in any page, that is missing or has the wrong type or count; None if all are valid.

    A number stored as a byte is valid, but some versions of tifffile fail on it; so it is named if nothing else is.
    """
    return _first_unsound(path, _WHOLE) or _first_unsound(path, _WHOLE[1:])


def _first_unsound(path, whole):
    with open(path, "rb") as file:
        head = file.read(16)
        order = {b"II": "<", b"MM": ">"}[head[:2]]
        big = struct.unpack(order + "H", head[2:4])[0] == 43
        waiting = [struct.unpack(order + "Q", head[8:16])[0] if big else struct.unpack(order + "I", head[4:8])[0]]
        seen, size = {0}, os.fstat(file.fileno()).st_size
        while waiting and len(seen) < _MOST_DIRECTORIES:
            offset = waiting.pop()
            if offset in seen or offset >= size:
                continue
            seen.add(offset)
            tags, following = _directory(file, offset, order, big)
            for code, kind, count in tags:
                if not _is_sound(code, kind, count, whole):
                    return {**_ONE, **_SEVERAL, **_FRACTIONS}[code]
            codes = {code for code, _, _ in tags}
            missing = [code for code in _of_pixels(codes) if code not in codes]
            if missing:
                return _SEVERAL[missing[0]]
            waiting += following
    return None


def _is_sound(code, kind, count, whole):
    if code in _FRACTIONS:
        return kind in _RATIONAL and count == 1
    if code in _ONE:
        return kind in whole and count == 1
    return code not in _SEVERAL or kind in whole and count > 0


def _of_pixels(codes):
    """Tags that locate the pixels of a page with these tags."""
    return () if 256 not in codes else (324, 325) if 322 in codes else (273, 279)


def _directory(file, offset, order, big):
    """[(code, type, count)] of all tags of a page, and the offset of the next page."""
    file.seek(offset)
    number, entry, following = ("Q", "HHQ8x", "Q") if big else ("H", "HHI4x", "I")
    entry = struct.Struct(order + entry)
    head = file.read(struct.calcsize(order + number))
    if len(head) < struct.calcsize(order + number):
        return [], []
    # At most as many tags as there are codes: a damaged count is not trusted.
    data = file.read(entry.size * min(struct.unpack(order + number, head)[0], 2**16))
    tags = list(entry.iter_unpack(data[: len(data) // entry.size * entry.size]))
    end = file.read(struct.calcsize(order + following))
    return tags, list(struct.unpack(order + following, end)) if len(end) == struct.calcsize(order + following) else []
