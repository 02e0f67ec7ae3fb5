"""Synthetic fields of cells in four stains, in the style of the Human Protein Atlas, with exact boxes and masks."""

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.domains.hpa.merge import merge_rgb
from mrcnn.domains.hpa.synthetic.layout import Layout, make_cell
from mrcnn.domains.hpa.synthetic.stains import SPOTS, FieldMaps, draw_fields, expose
from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.length_units import as_pixel_size

SOURCE = "synthetic"
CLASSES = ("Nucleoli", "Not Nucleoli")  # ids 1 and 2
OUTLINES = ("nuclei", "cells")
_DTYPES = {8: np.uint8, 16: np.uint16}


def generate_field(
    rng,
    shape=(512, 512),
    cells=(12, 22),
    touching=0.4,
    nucleoli=0.5,
    nucleus_px=(40, 80),
    protein=None,
    noise=(0.002, 0.008),
    bits=8,
    outlines="nuclei",
    pixel_size_nm=None,
):
    """Draw one field of cells as imaged by a confocal microscope in four stains.

    Cells have a nucleus with dark nucleoli, cytoplasm with endoplasmic reticulum, and microtubules; some touch, and
    some are cut off by the image border. The protein forms bright spots in some of the nuclei, in addition to what the
    field's antibody stains in all cells: the nuclei evenly, their envelope, the cytoplasm, or vesicles as bright as the
    spots. Specks of dirt, uneven illumination, blur and noise are added.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    shape : (int, int)
        Height and width in pixels, at least 64.
    cells : (int, int)
        Minimum and maximum number of cells; cells that do not fit into the image are left out.
    touching : float
        Probability that a cell is placed against another one, with a common border.
    nucleoli : float
        Probability that a cell has bright spots.
    nucleus_px : (float, float)
        Range of the long axis of a nucleus in pixels.
    protein : str, optional
        Kind of spots, a name in `SPOTS` ("nucleoli", "fibrillar centres", "speckles", "bodies"); by default chosen at
        random for each field, most often nucleoli.
    noise : (float, float)
        Range of the variance of the shot noise at white.
    bits : {8, 16}
        Bit depth of the image.
    outlines : {"nuclei", "cells"}
        Objects of the ground truth; boxes drawn by hand mostly enclose the nuclei.
    pixel_size_nm : float or (float, float), optional
        Pixel size of the returned objects.

    Returns
    -------
    (image, instances)
        uint8 or uint16 [H, W, 4]: red (microtubules), green (the protein), blue (DNA), yellow (reticulum); and
        `Instances` of the classes 1 (Nucleoli: with bright spots) and 2 (Not Nucleoli), which do not overlap.

    Raises
    ------
    ConfigError
        A parameter is invalid.
    """
    _check_parameters(shape, cells, touching, nucleoli, nucleus_px, protein, noise, bits, outlines)
    layout = Layout(tuple(shape))
    # Cells of one cell line look alike: these parameters are drawn once per field.
    usual, lobed, tails = rng.uniform(*nucleus_px), rng.uniform(0, 0.5), rng.uniform(0.5, 1.6)
    for _ in range(rng.integers(cells[0], cells[1] + 1)):
        cell = make_cell(rng, np.clip(usual * rng.lognormal(0, 0.16), *nucleus_px), lobed, tails)
        if not (rng.random() < touching and layout.place_touching(rng, cell)):
            layout.place_apart(rng, cell)
    maps = FieldMaps.of(layout.cells, layout.shape)
    bright = rng.random(len(layout.cells)) < nucleoli
    image = _develop(rng, draw_fields(rng, maps, bright, protein), noise, bits)
    return image, _truth(maps, bright, outlines, pixel_size_nm)


def _develop(rng, stains, noise, bits):
    """Expose the four stains [H, W, 4], each with its own illumination and noise, and convert them to integers."""
    white = 2**bits - 1
    image = np.empty(stains.shape, _DTYPES[bits])
    for channel in range(stains.shape[-1]):
        seen = expose(
            rng,
            stains[..., channel],
            light=rng.uniform(0.02, 0.2),
            blur=rng.uniform(0.4, 0.7),
            grain=rng.uniform(*noise),
            black=rng.uniform(0.001, 0.006),
        )
        image[..., channel] = np.rint(seen * white)
    return image


def _truth(maps, bright, outlines, pixel_size_nm):
    """`Instances` of the nuclei or the cells, in the order of placement."""
    labels = np.where((maps.nucleus if outlines == "nuclei" else maps.body) > 0, maps.owner + 1, 0)
    present = np.unique(labels[labels > 0])
    class_ids = np.where(bright[present - 1], 1, 2)
    return Instances.from_label_image(labels, class_ids, pixel_size_nm=as_pixel_size(pixel_size_nm))


def _check_parameters(shape, cells, touching, nucleoli, nucleus_px, protein, noise, bits, outlines):
    if len(shape) != 2 or min(shape) < 64:
        raise ConfigError(f"shape must be (height, width) of at least 64 pixels each, not {shape!r}.")
    if len(nucleus_px) != 2 or not 16 <= nucleus_px[0] <= nucleus_px[1] <= min(shape):
        raise ConfigError(
            f"nucleus_px must be (shortest, longest), from 16 to the shorter image side ({min(shape)}), "
            f"not {nucleus_px!r}."
        )
    if len(cells) != 2 or not 0 <= cells[0] <= cells[1]:
        raise ConfigError(f"cells must be (minimum, maximum), not {cells!r}.")
    for name, value in (("touching", touching), ("nucleoli", nucleoli)):
        if not 0 <= value <= 1:
            raise ConfigError(f"{name} must be a probability from 0 to 1, not {value!r}.")
    if len(noise) != 2 or not 0 <= noise[0] <= noise[1] <= 1:
        raise ConfigError(f"noise must be (minimum, maximum) from 0 to 1, not {noise!r}.")
    for name, value, known in (
        ("protein", protein, (None, *SPOTS)),
        ("bits", bits, tuple(_DTYPES)),
        ("outlines", outlines, OUTLINES),
    ):
        if value not in known:
            raise ConfigError(f"{name} must be one of {', '.join(map(repr, known))}, not {value!r}.")


class SyntheticCells(Dataset):
    """A data set of synthetic fields of cells, drawn on demand; already prepared, like the readers.

    Field i depends only on `seed` and i. It does not depend on the order of loading, and the first ten fields of a set
    of a hundred are those of a set of ten. Sets with different seeds have no field in common.

    Parameters
    ----------
    count : int
        Number of fields.
    shape : (int, int)
        Height and width in pixels.
    seed : int
    merged : bool
        True: images are RGB, merged from the four stains by `mrcnn.domains.hpa.merge.merge_rgb`. False: four
        channels.
    pixel_size_nm : float or (float, float), optional
        About 320 nm in the Atlas's 512 x 512 images, a quarter of the microscope's original size.
    **look
        Further parameters of `generate_field`.
    """

    def __init__(self, count, shape=(512, 512), seed=0, merged=True, pixel_size_nm=320.0, **look):
        super().__init__()
        self.shape, self.seed, self.merged = tuple(int(side) for side in shape), int(seed), bool(merged)
        self.channels = 3 if merged else 4
        self.look = {"pixel_size_nm": pixel_size_nm, **look}
        self._last = (None, None)
        for class_id, name in enumerate(CLASSES, start=1):
            self.add_class(SOURCE, class_id, name)
        for index in range(count):
            name = f"field_{self.seed}_{index:04d}"
            self.add_image(SOURCE, name, None, index=index, group=name, pixel_size_nm=pixel_size_nm)
        self.prepare()
        if count:
            self._generate(0)  # report an invalid parameter here, not in the middle of training

    def _generate(self, image_id):
        index = self.image_info[image_id]["index"]
        last, result = self._last
        if last != index:  # image and objects are loaded one after the other, so the last field is cached
            result = generate_field(np.random.default_rng([self.seed, index]), self.shape, **self.look)
            self._last = (index, result)
        return result

    def load_stains(self, image_id):
        """The four stains of a field, uint8 or uint16 [H, W, 4]: red, green, blue, yellow."""
        return self._generate(image_id)[0].copy()

    def load_image(self, image_id):
        """The image, [H, W, 3] if merged, otherwise [H, W, 4], with the bit depth `bits`."""
        stains = self.load_stains(image_id)
        return merge_rgb(stains) if self.merged else stains

    def load_instances(self, image_id):
        """The field's nuclei (or cells) as `Instances`."""
        return self._generate(image_id)[1]

    def image_shape(self, image_id):
        """(H, W, C), without drawing the image."""
        return (*self.shape, self.channels)

    def image_reference(self, image_id):
        """The field's name, made of its seed and number."""
        return self.image_info[image_id]["id"]
