"""What the tags of a TIFF say of its stored numbers, and the image that viewers show for them.

Stored numbers are kept where they are measurements: grey values and colours, and the numbers of files by ImageJ, whose
inverting and coloured lookup tables are only for display.
"""

from dataclasses import dataclass

import numpy as np

from mrcnn.errors import DataError

ALPHA = (1, 2)  # TIFF tag ExtraSamples: premultiplied and plain alpha; 0 is an ordinary channel
_WHITE_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 2, 3, 5, 6
_AS_STORED = (1, _RGB, 4, 51177)  # black is zero, RGB, transparency mask, depth
_REFUSED = {
    8: "CIE Lab",
    9: "ICC Lab",
    10: "ITU Lab",
    32803: "the mosaic of a colour camera (CFA)",
    32844: "the logarithm of luminance (LogL)",
    32845: "the logarithm of luminance (LogLuv)",
    34892: "the raw values of a camera (LinearRaw)",
}
_JPEG = (6, 7, 34892)
_DECODED_TO_RGB = (*_JPEG, 34712, 33004, 33005, 50001, 50002)  # whose decoders convert YCbCr themselves
_APERIO_YCBCR = 33003
_FULL_RANGE = (0, 255, 128, 255, 128, 255)
_BT601 = (0.299, 0.587, 0.114)
_RATIONAL = (5, 10)  # types of a tag
_SAVE_AS = "Save it as grey values or RGB (Fiji: Image > Type, then File > Save As > Tiff)"


@dataclass(frozen=True, eq=False)
class TiffColours:
    """How stored pixels become those of the image.

    Attributes
    ----------
    kind : str
        "stored", "white is zero", "palette", "grey palette", "cmyk" or "ycbcr".
    top : int
        The largest number that can be stored.
    factor : int
        Of grey values of 2 to 7 bits, which are spread over 0 to 255; otherwise 1.
    premultiplied : bool
        The last channel is an alpha that the others are multiplied with.
    palette : ndarray [N, 3] uint8, or [N] for "grey palette"; None for the other kinds
    """

    kind: str = "stored"
    top: int = 255
    factor: float = 1
    premultiplied: bool = False
    palette: np.ndarray | None = None

    @property
    def plain(self):
        """Whether the image is what is stored, whatever is done with its alpha."""
        return self.kind == "stored" and self.factor == 1 and not self.premultiplied

    def samples(self, stored):
        """Channels of the image, from the number of stored ones."""
        return {"palette": stored + 2, "cmyk": stored - 1}.get(self.kind, stored)

    def dtype(self, stored):
        return np.dtype(np.uint8) if self.palette is not None else stored

    def shown(self, pixels, keep_alpha, alpha=False):
        """Pixels of the image.

        Parameters
        ----------
        pixels : ndarray [h, w] or [h, w, C]
            As stored.
        keep_alpha : bool
            False: colours that were multiplied with an alpha are divided by it.
        alpha : bool
            The last channel is alpha, which is never inverted.
        """
        if self.premultiplied and not keep_alpha:
            pixels = _divided(pixels)
        if self.kind == "stored" and self.factor == 1:
            return pixels
        if not alpha:
            return self._converted(pixels)
        colours = self._converted(pixels[..., :-1])
        return np.concatenate([np.atleast_3d(colours), pixels[..., -1:]], axis=-1)

    def numbers(self, pixels, path):
        """Pixels [h, w] of a label image: stored numbers, whose palette is only for display.

        Raises `DataError` for an inverted one of more than two numbers: it is unknown which of them is the background.
        """
        if self.kind != "white is zero":
            return pixels
        if len(np.unique(pixels)) > 2:
            raise DataError(
                path,
                "is a label image whose numbers are inverted: its tag PhotometricInterpretation says that white is 0",
                "If they are right as stored, save it again: tifffile.imwrite(path, tifffile.imread(path), "
                "photometric='minisblack')",
            )
        return self._inverted(pixels)

    def _converted(self, pixels):
        if self.kind == "white is zero":
            pixels = self._inverted(pixels)
        elif self.palette is not None:
            indices = (pixels[..., 0] if pixels.ndim == 3 else pixels).astype(np.intp)
            return self.palette[np.minimum(indices, len(self.palette) - 1)]
        elif self.kind == "cmyk":
            return _from_cmyk(pixels, self.top)
        elif self.kind == "ycbcr":
            return _from_ycbcr(pixels)
        return pixels if self.factor == 1 else np.rint(pixels * self.factor).astype(np.uint8)

    def _inverted(self, pixels):
        if pixels.dtype.kind == "b":
            return ~pixels
        return ~pixels if pixels.dtype.kind == "i" else (self.top - pixels).astype(pixels.dtype)


def colours_of(page, path, stored_numbers, own_tables=False):
    """The `TiffColours` of a page.

    Parameters
    ----------
    page : tifffile.TiffPage
    path : str or Path
    stored_numbers : bool
        The file is by ImageJ: all tables for display are ignored.
    own_tables : bool
        The file is by a program for microscopes, in whose files a palette is the colour of a channel: it is ignored.

    Raises
    ------
    DataError
        The tags state something that cannot be obeyed.
    """
    tag = page.tags.get("PhotometricInterpretation")
    photometric, dtype = (1 if tag is None else int(tag.value)), np.dtype(page.dtype)
    if photometric in _REFUSED:
        raise DataError(path, f"has pixels that are {_REFUSED[photometric]}, which is not supported", _SAVE_AS)
    bits = page.bitspersample if isinstance(page.bitspersample, int) else 8 * dtype.itemsize
    common = {"top": 2**bits - 1, "premultiplied": _is_premultiplied(page, dtype)}
    if stored_numbers and photometric in (_WHITE_IS_ZERO, _PALETTE) or own_tables and photometric == _PALETTE:
        return TiffColours(**common)
    if photometric == _WHITE_IS_ZERO:
        if dtype.kind == "f":
            raise DataError(
                path,
                "has floating-point pixels, and its tag PhotometricInterpretation says that white is 0",
                "Save it again with black as 0: tifffile.imwrite(path, image, photometric='minisblack')",
            )
        return TiffColours("white is zero", factor=_factor(bits), **common)
    if photometric == _PALETTE:
        return _with_palette(page, path, bits, common)
    if photometric == _CMYK:
        return _with_inks(page, path, dtype, common)
    if photometric == _YCBCR and page.compression not in _DECODED_TO_RGB or page.compression == _APERIO_YCBCR:
        return _with_chroma(page, path, dtype, common)
    if photometric not in (*_AS_STORED, _YCBCR):
        raise DataError(path, f"has the unknown PhotometricInterpretation {photometric}", _SAVE_AS)
    return TiffColours(factor=_factor(bits) if dtype.kind == "u" else 1, **common)


def _factor(bits):
    return 255 / (2**bits - 1) if 1 < bits < 8 else 1


def _is_premultiplied(page, dtype):
    return (
        page.samplesperpixel > 1
        and bool(page.extrasamples)
        and int(page.extrasamples[-1]) == ALPHA[0]
        and dtype.kind == "u"
    )


def _with_palette(page, path, bits, common):
    table = page.colormap
    if table is None or np.shape(table) != (3, 2**bits) or np.dtype(page.dtype).kind not in "bu":
        raise DataError(path, "has a damaged palette (tag ColorMap)", "Export or copy it again")
    table = np.asarray(table).T
    table = (table >> 8 if table.max() > 255 else table).astype(np.uint8)  # some programs write 8 bits
    if (table == table[:, :1]).all():
        return TiffColours("grey palette", palette=table[:, 0].copy(), **common)
    return TiffColours("palette", palette=table, **common)


def _with_inks(page, path, dtype, common):
    inks = page.tags.get("InkSet")
    alpha = len([e for e in page.extrasamples or () if int(e) in ALPHA])
    known = inks is None or int(inks.value) == 1
    if not known or page.samplesperpixel - alpha != 4 or dtype.kind != "u" or page.compression in _JPEG:
        raise DataError(path, "has the inks of a printer that are not plain CMYK", _SAVE_AS)
    return TiffColours("cmyk", **common)


def _with_chroma(page, path, dtype, common):
    stated = {"YCbCrCoefficients": _BT601, "ReferenceBlackWhite": _FULL_RANGE}
    tags = {name: page.tags.get(name) for name in stated}
    usual = all(tag is None or np.allclose(_fractions(tag), stated[name]) for name, tag in tags.items())
    if not usual or dtype != np.uint8 or page.samplesperpixel < 3:
        raise DataError(path, "has colours as YCbCr of an unusual kind", _SAVE_AS)
    return TiffColours("ycbcr", **common)


def _fractions(tag):
    values = np.asarray(tag.value, float).ravel()
    return values[::2] / np.maximum(values[1::2], 1) if int(tag.dtype) in _RATIONAL else values


def _from_cmyk(pixels, top):
    """RGB of inks: 0 is none of an ink, `top` all of it."""
    inks = pixels.astype(np.float32)
    light = (top - inks[..., :3]) * (top - inks[..., 3:4]) / top
    return np.rint(light).astype(pixels.dtype)


def _from_ycbcr(pixels):
    y, cb, cr = np.moveaxis(pixels[..., :3].astype(np.float32), -1, 0)
    red, green, blue = _BT601
    r, b = y + (2 - 2 * red) * (cr - 128), y + (2 - 2 * blue) * (cb - 128)
    g = (y - red * r - blue * b) / green
    rgb = np.rint(np.stack([r, g, b], axis=-1)).clip(0, 255).astype(np.uint8)
    return np.concatenate([rgb, pixels[..., 3:]], axis=-1)


def _divided(pixels):
    """Colours before they were multiplied with the alpha in the last channel; those under alpha 0 are kept."""
    alpha = pixels[..., -1:].astype(np.float64)
    top = np.iinfo(pixels.dtype).max
    colours = pixels[..., :-1] * np.divide(top, alpha, out=np.ones_like(alpha), where=alpha > 0)
    return np.concatenate([np.rint(colours).clip(0, top).astype(pixels.dtype), pixels[..., -1:]], axis=-1)
