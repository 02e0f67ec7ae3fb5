"""One image of an open PNG, JPEG, BMP, PBM, PGM or PPM, decoded by Pillow; 16-bit colour PNG by imagecodecs."""

import os
from pathlib import Path

import numpy as np
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile

from mrcnn.errors import DataError
from mrcnn.images import decoder_errors, orientation
from mrcnn.images.decoder_errors import damage_named

# Listed here because Pillow's `Image.open` tries every format it knows and has its own pixel limit.
READERS = {"png": PngImageFile, "jpeg": JpegImageFile, "bmp": BmpImageFile, "pnm": PpmImageFile}
_BANDS = {"1": 1, "L": 1, "P": 3, "LA": 2, "RGBA": 4, "PA": 4, "RGBX": 4}
_TYPES = {"I": np.int32, "F": np.float32, "I;16": np.uint16, "I;16B": np.uint16}


class PillowImage:
    """`shape`, `declared` (with alpha) and `dtype` come from the header, `pixels` decodes the image.

    Parameters
    ----------
    path : str or Path
    kind : str
        A key of `READERS`.

    Raises
    ------
    DataError
        The header is damaged, or of a kind that is not read as it is meant.
    """

    def __init__(self, path, kind):
        self.path, self.kind = path, kind
        with damage_named(decoder_errors.PILLOW, path, "cannot be decoded"):
            try:
                self.image = READERS[kind](os.fspath(path))
            except SyntaxError as error:
                # Pillow also converts a TypeError, which no damage causes.
                if isinstance(error.__cause__, TypeError):
                    raise error.__cause__ from None
                raise
            try:
                self._read_header()
            except BaseException:
                self.image.close()
                raise

    def _read_header(self):
        depth, colour_type = _png_header(self.path) if self.kind == "png" else (8, 0)
        # Pillow reads 16-bit colour PNG as 8 bits, so imagecodecs decodes them.
        deep_bands = {2: 3, 4: 2, 6: 4}.get(colour_type) if depth == 16 else None
        self.deep = deep_bands is not None
        self.most = 2**depth - 1 if self.image.mode == "L" else 255  # the largest number that is stored as grey
        mode = self.image.mode
        bands = _BANDS.get(mode)
        bands = (1 if mode.startswith(("I", "F")) else 3) if bands is None else bands
        bands = deep_bands or bands
        self.dtype = np.dtype(np.uint16 if self.deep else _TYPES.get(mode, np.uint8))
        if self.kind == "pnm":
            self._read_maxval()
        self.orientation = 1
        if self.kind == "jpeg":
            self.orientation = orientation.of_jpeg(self.image)
        elif self.kind == "png":
            self.orientation = orientation.of_png(self.path)
        stored = (self.image.height, self.image.width, bands)
        self.declared = orientation.upright_shape(stored, self.orientation)
        self.has_palette = mode == "P"
        self.alpha = bands in (2, 4) and mode in ("LA", "RGBA", "PA")
        self.shape = without_alpha(self.declared) if self.alpha else self.declared if bands > 1 else self.declared[:2]

    def _read_maxval(self):
        """The number that is white in a PGM or PPM: its grey values of more than 8 bits are returned as stored."""
        mode = self.image.mode
        if mode == "F":
            return
        self.most = 255 if mode == "1" else _maxval(self.path)
        if self.most > 255 and mode == "RGB":
            raise DataError(
                self.path, "has colours of more than 8 bits, which are not supported in this format", "Save it as TIFF"
            )
        self.dtype = np.dtype(np.uint16 if self.most > 255 else np.uint8)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.image.close()

    def pixels(self, keep_alpha, indices):
        """The upright image; with `indices` the numbers of a label image as they are stored, without palette."""
        with damage_named(decoder_errors.PILLOW, self.path, "cannot be decoded"):
            # Fails for a truncated file. If NumPy called it itself, it would ignore an AttributeError.
            self.image.load()
            if self.deep:
                import imagecodecs

                image = imagecodecs.png_decode(Path(self.path).read_bytes())
            else:
                image = self._numbers(np.asarray(self._converted(indices)), indices)
        image = orientation.upright(image, self.orientation)
        return image[..., :-1].reshape(self.shape) if self.alpha and not keep_alpha else image

    def _numbers(self, image, indices):
        """Pillow spreads grey values of other depths over 0 to 255, or 0 to 65535: those are put back if needed."""
        if self.image.mode not in ("L", "I", "I;16") or self.kind not in ("png", "pnm"):
            return image
        if self.kind == "pnm" and self.most > 255:
            return np.rint(image.astype(np.float64) * self.most / 65535).astype(np.uint16)
        if indices and self.image.mode == "L" and self.most < 255:
            return np.rint(image.astype(np.float32) * self.most / 255).astype(np.uint8)
        return image

    def _converted(self, indices):
        mode = self.image.mode
        if mode == "P":
            return self.image if indices else self.image.convert("RGB")
        if mode == "CMYK" and self.kind == "jpeg" and "adobe" not in self.image.info:
            # Pillow takes all for those of Adobe's programs, which store inks inverted.
            from PIL import ImageChops

            return ImageChops.invert(self.image).convert("RGB")
        if mode in ("CMYK", "YCbCr", "LAB", "HSV"):
            return self.image.convert("RGB")
        return self.image.convert("L") if mode == "1" else self.image.convert("RGBA") if mode == "PA" else self.image


def without_alpha(shape):
    """Shape of an image without its last channel."""
    return shape[:2] if shape[-1] == 2 else (*shape[:2], shape[-1] - 1)


def _png_header(path):
    """Bits of a channel and type of colour of a PNG, from bytes 24 and 25."""
    with open(path, "rb") as file:
        head = file.read(26)[24:]
    return (head[0], head[1]) if len(head) == 2 else (8, 0)


def _maxval(path):
    """The third number in the header of a PGM or PPM; a comment ends with its line."""
    with open(path, "rb") as file:
        lines = [line.partition(b"#")[0] for line in file.read(2**16).splitlines()]
    return int(b" ".join(lines).split(maxsplit=4)[3])
