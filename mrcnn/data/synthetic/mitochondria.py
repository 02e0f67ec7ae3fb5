"""Schematic electron micrographs of mitochondria with known ground truth, for demos, tests and pre-training."""

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.data.synthetic import background, organelles
from mrcnn.data.synthetic.placing import Arrangement
from mrcnn.errors import ConfigError
from mrcnn.geometry.boxes import tight_box
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.length_units import as_pixel_size

SOURCE = "synthetic"
MITOCHONDRION = "mitochondrion"  # the kind of body that is a target object


def generate_micrograph(
    rng,
    shape=(256, 256),
    objects=(3, 8),
    touching=0.35,
    size_px=(28, 70),
    distractors=(2, 5),
    noise=(0.03, 0.07),
    pixel_size_nm=None,
):
    """Draw one schematic transmission electron micrograph.

    Mitochondria have a double membrane and cristae; some touch in pairs and some are cut by the image border.
    Lysosomes, vacuoles and multivesicular bodies are drawn too, but are not target objects: as in real images, a
    detector may mistake them for mitochondria.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    shape : (int, int)
        Height and width in pixels, at least 64.
    objects : (int, int)
        Minimum and maximum number of mitochondria; fewer if the image is too full.
    touching : float
        Probability that a mitochondrion is placed against another, sharing a border.
    size_px : (float, float)
        Minimum and maximum length of a mitochondrion's long axis in pixels.
    distractors : (int, int)
        Minimum and maximum number of other bodies.
    noise : (float, float)
        Range of the standard deviation of the noise, as a fraction of white.
    pixel_size_nm : float or (float, float), optional
        Passed on to the objects.

    Returns
    -------
    (image, instances)
        uint8 [H, W], and `Instances` of class 1 whose masks extend to the outer edge of the outer membrane.

    Raises
    ------
    ConfigError
        A parameter is invalid.
    """
    check_parameters(shape, size_px, touching, objects=objects, distractors=distractors)
    arrangement = arrange(rng, shape, objects, touching, size_px, distractors)
    canvas = _draw(rng, arrangement)
    image = background.develop(
        rng, canvas, blur=rng.uniform(0.6, 1.0), noise=rng.uniform(*noise), light=rng.uniform(0.02, 0.14)
    )
    return image, truth_of(arrangement.placed, shape, pixel_size_nm)


def arrange(rng, shape, objects, touching, size_px, distractors):
    """Positions of all bodies: mitochondria first, so the image holds the requested number if possible."""
    arrangement = Arrangement(shape)
    for _ in range(rng.integers(objects[0], objects[1] + 1)):
        length = rng.uniform(*size_px)
        outline = organelles.make_outline(
            rng,
            length,
            length * rng.uniform(0.42, 0.9),
            rng.uniform(0, np.pi),
            wobble=rng.uniform(0.02, 0.09),
            bend=rng.normal(0, 0.22),
        )
        if not (rng.random() < touching and arrangement.place_touching(rng, outline, MITOCHONDRION)):
            arrangement.place_apart(rng, outline, MITOCHONDRION)
    for _ in range(rng.integers(distractors[0], distractors[1] + 1)):
        length = rng.uniform(0.35, 0.8) * size_px[1]
        outline = organelles.make_outline(
            rng,
            length,
            length * rng.uniform(0.65, 1.0),
            rng.uniform(0, np.pi),
            wobble=rng.uniform(0.01, 0.05),
            bend=0.0,
        )
        arrangement.place_apart(rng, outline, str(rng.choice(list(_DISTRACTORS))))
    return arrangement


def _draw(rng, arrangement):
    """The scene in front of the camera: grey values [H, W] float32."""
    canvas = surroundings(rng, arrangement)
    for placed in arrangement.placed:
        draw_body(rng, canvas, placed)
    return canvas


def surroundings(rng, arrangement):
    """The surroundings of the bodies: grey values [H, W] float32."""
    shape = arrangement.shape
    canvas = background.cytoplasm(rng, shape, cell_size=rng.uniform(90, 150))
    background.add_reticulum(rng, canvas, coverage=rng.uniform(0.1, 0.35))
    background.add_granules(rng, canvas)
    clusters = max(1, round(shape[0] * shape[1] / 256**2 * rng.uniform(1, 6)))
    organelles.draw_vesicles(rng, canvas, arrangement.owner < 0, clusters)
    return canvas


def draw_body(rng, canvas, placed):
    """Draw one placed body into the canvas [H, W]."""
    picture, outline = placed.cropped(canvas.shape)
    draw = organelles.draw_mitochondrion if placed.kind == MITOCHONDRION else _DISTRACTORS[placed.kind]
    draw(rng, canvas[picture], outline)


def truth_of(bodies, shape, pixel_size_nm):
    """The mitochondria among the placed bodies as `Instances`, in their order."""
    boxes, masks = [], []
    for placed in bodies:
        if placed.kind != MITOCHONDRION:
            continue
        (rows, columns), outline = placed.cropped(shape)
        inside = outline.depth > 0
        y1, x1, y2, x2 = tight_box(inside)
        boxes.append((rows.start + y1, columns.start + x1, rows.start + y2, columns.start + x2))
        masks.append(inside[y1:y2, x1:x2])
    return Instances(
        shape, np.array(boxes, np.int32).reshape(-1, 4), masks=masks, pixel_size_nm=as_pixel_size(pixel_size_nm)
    )


def check_parameters(shape, size_px, touching, **counts):
    if len(shape) != 2 or min(shape) < 64:
        raise ConfigError(f"shape must be (height, width) of at least 64 pixels each, not {shape!r}.")
    if len(size_px) != 2 or not 16 <= size_px[0] <= size_px[1] <= min(shape):
        raise ConfigError(
            f"size_px must be (shortest, longest), from 16 to the shorter image side ({min(shape)}), not {size_px!r}."
        )
    if not 0 <= touching <= 1:
        raise ConfigError(f"touching must be a probability from 0 to 1, not {touching!r}.")
    for name, pair in counts.items():
        if len(pair) != 2 or not 0 <= pair[0] <= pair[1]:
            raise ConfigError(f"{name} must be (fewest, most), not {pair!r}.")


_DISTRACTORS = {
    "lysosome": organelles.draw_lysosome,
    "vacuole": organelles.draw_vacuole,
    "multivesicular body": organelles.draw_multivesicular_body,
}


class SyntheticMitochondria(Dataset):
    """A data set of schematic electron micrographs, drawn on demand; ready for use, like a reader.

    Image i depends only on `seed` and i, so it does not depend on the loading order, and the first ten of a hundred
    images equal those of a set of ten. Sets with different seeds share no image.

    Parameters
    ----------
    count : int
        Number of images.
    shape : (int, int) or list of (int, int)
        Height and width in pixels; from a list, images take the shapes in turn.
    seed : int
    pixel_size_nm : float or (float, float)
    objects, touching, **look
        As in `generate_micrograph`.
    """

    channels = 1

    def __init__(self, count, shape=(256, 256), seed=0, objects=(3, 8), touching=0.35, pixel_size_nm=12.0, **look):
        super().__init__()
        shapes = shape if isinstance(shape, list) else [shape]
        self.shapes, self.seed = [tuple(int(side) for side in sides) for sides in shapes], int(seed)
        self.look = {"objects": objects, "touching": touching, "pixel_size_nm": pixel_size_nm, **look}
        self._last = (None, None)
        self.add_class(SOURCE, 1, "mitochondrion")
        for index in range(count):
            name = f"micrograph_{self.seed}_{index:04d}"
            self.add_image(SOURCE, name, None, index=index, group=name, pixel_size_nm=pixel_size_nm)
        self.prepare()
        for image_id in range(min(count, len(self.shapes))):
            self._generate(image_id)  # fails here for an invalid parameter, not in the middle of training

    def _generate(self, image_id):
        index = self.image_info[image_id]["index"]
        last, result = self._last
        if last != index:  # image and objects are requested one after the other, so the last image is kept
            rng = np.random.default_rng([self.seed, index])
            result = generate_micrograph(rng, self.shapes[index % len(self.shapes)], **self.look)
            self._last = (index, result)
        return result

    def load_image(self, image_id):
        """The image, uint8 [H, W, 1]."""
        return self._generate(image_id)[0][..., None].copy()

    def load_instances(self, image_id):
        """The image's mitochondria as `Instances`."""
        return self._generate(image_id)[1]

    def image_shape(self, image_id):
        """(H, W, 1), without drawing the image."""
        return (*self.shapes[self.image_info[image_id]["index"] % len(self.shapes)], 1)

    def image_reference(self, image_id):
        """Name of the image, made from seed and number."""
        return self.image_info[image_id]["id"]
