"""Squares, circles and triangles on a plain background, as in Matterport's first notebook: a practice data set."""

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances

SOURCE = "shapes"
KINDS = ("square", "circle", "triangle")
MOST_SHAPES = 4
LARGEST_OVERLAP = 0.3  # of the boxes of two shapes, as a fraction of the smaller one; more would hide a shape


class ShapesDataset(Dataset):
    """Random shapes of three classes, drawn on demand. Call `load_shapes`, then `prepare`.

    An image's shapes are listed in `image_info` under "shapes", from back to front; the hidden part of a shape is not
    in its mask.
    """

    channels = 3

    def load_shapes(self, count, height=128, width=128, seed=0):
        """Add `count` images of this size in pixels (at least 64 each); image i depends only on `seed` and i.

        Raises `ConfigError` for a smaller size.
        """
        if min(height, width) < 64:
            raise ConfigError(f"Shapes need images of at least 64 x 64 pixels, not {height} x {width}.")
        for class_id, kind in enumerate(KINDS, start=1):
            self.add_class(SOURCE, class_id, kind)
        for index in range(count):
            rng = np.random.default_rng([seed, index])
            background, shapes = _random_scene(rng, height, width)
            self.add_image(
                SOURCE,
                f"shapes_{seed}_{index:04d}",
                None,
                height=height,
                width=width,
                bg_color=background,
                shapes=shapes,
            )

    def load_image(self, image_id):
        """The image, uint8 [H, W, 3]."""
        info = self.image_info[image_id]
        image = np.empty(self.image_shape(image_id), np.uint8)
        image[:] = info["bg_color"]
        for shape in info["shapes"]:
            image[_draw(shape, info)] = shape["color"]
        return image

    def load_instances(self, image_id):
        """The visible parts of the shapes as `Instances`, from back to front; fully hidden shapes are left out."""
        info = self.image_info[image_id]
        labels = np.zeros((info["height"], info["width"]), np.int32)
        for number, shape in enumerate(info["shapes"], start=1):
            labels[_draw(shape, info)] = number
        visible = np.unique(labels[labels > 0])
        kinds = [info["shapes"][number - 1]["kind"] for number in visible]
        class_ids = [self.map_source_class_id(f"{SOURCE}.{KINDS.index(kind) + 1}") for kind in kinds]
        return Instances.from_label_image(labels, class_ids)

    def image_shape(self, image_id):
        """(H, W, 3), without drawing the image."""
        info = self.image_info[image_id]
        return info["height"], info["width"], 3

    def image_reference(self, image_id):
        """The image's shapes, from back to front."""
        return ", ".join(shape["kind"] for shape in self.image_info[image_id]["shapes"])


def _random_scene(rng, height, width):
    """A background colour and a list of shapes (dicts of kind, color, y, x, size), no two of which overlap much."""
    background = rng.integers(0, 256, 3).tolist()
    shapes = []
    for _ in range(rng.integers(1, MOST_SHAPES + 1)):
        size = int(rng.integers(min(height, width) // 10, min(height, width) // 4))
        shape = {
            "kind": str(rng.choice(KINDS)),
            "color": rng.integers(0, 256, 3).tolist(),
            "size": size,
            "y": int(rng.integers(size, height - size)),
            "x": int(rng.integers(size, width - size)),
        }
        if all(_box_overlap(shape, other) < LARGEST_OVERLAP for other in shapes):
            shapes.append(shape)
    return background, shapes


def _box_overlap(a, b):
    """Overlap of the bounding squares of two shapes, as a fraction of the smaller square."""
    sides = [
        max(0, min(a[axis] + a["size"], b[axis] + b["size"]) - max(a[axis] - a["size"], b[axis] - b["size"]))
        for axis in "yx"
    ]
    return sides[0] * sides[1] / (4 * min(a["size"], b["size"]) ** 2)


def _draw(shape, info):
    """Pixels of a shape, bool [H, W]; `size` is the radius of a circle, or half the side or height."""
    y = np.arange(info["height"])[:, None] - shape["y"]
    x = np.arange(info["width"]) - shape["x"]
    size = shape["size"]
    if shape["kind"] == "square":
        return (abs(y) <= size) & (abs(x) <= size)
    if shape["kind"] == "circle":
        return y**2 + x**2 <= size**2
    return (y <= size) & (abs(x) * 2 <= y + size)  # apex at the top, as wide as high
