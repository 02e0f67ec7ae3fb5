"""Large images with objects of their own grey levels, a detector without a network, and `mrcnn predict` with it."""

import numpy as np
import pandas as pd
import pytest
import tifffile
import tiling_fakes
from scipy.ndimage import label

from mrcnn.commands import predict as module
from mrcnn.commands.domain import Domain
from mrcnn.config import Config
from mrcnn.data.grey_levels import intensities
from mrcnn.data.readers.open import open_dataset
from mrcnn.geometry.instances import Instances
from mrcnn.inference.scale import trained_scale
from mrcnn.options.arguments import run
from mrcnn.options.predict_arguments import predict_parser

SIDE = 64  # of the network's images


class Blobs:
    """Bright areas are objects with their mean grey level as score: the result does not depend on the window.

    `sizes`: only those whose diameter in network pixels is in this range are found.
    """

    def __init__(self, sizes=(0, np.inf), **changes):
        given = {"IMAGE_MAX_DIM": SIDE, "IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": np.zeros(1), "NUM_CLASSES": 2}
        given |= {"IMAGES_PER_GPU": 1, **changes}
        self.config, self.scale, self.sizes = Config(**given), None, sizes
        self.seen, self.stop_after = [], None

    def fingerprint(self):
        return "blobs"

    def predict(self, images, tile="auto"):
        return [self._found(image, tile) for image in images]

    def _found(self, image, tile):
        if self.stop_after is not None and len(self.seen) >= self.stop_after:
            raise KeyboardInterrupt
        scale = trained_scale(self.config) if self.scale is None else self.scale
        self.seen.append((image.shape[:2], self.scale, tile))
        levels = intensities(image, self.config)[..., 0]
        labels = label(levels > 60)[0]
        found = Instances.from_label_image(labels)
        means = [levels[y1:y2, x1:x2][mask].mean() for (y1, x1, y2, x2), mask in zip(found.boxes, found.masks)]
        found = Instances(found.image_shape, found.boxes, found.class_ids, np.divide(means, 255), found.masks)
        diameters = 2 * np.sqrt(found.areas() / np.pi) * scale
        return found.select((self.sizes[0] <= diameters) & (diameters <= self.sizes[1]))

    @property
    def never_reduced(self):
        scales = [trained_scale(self.config) if scale is None else scale for _, scale, _ in self.seen]
        return all(round(max(shape) * scale) <= SIDE for (shape, *_), scale in zip(self.seen, scales))


DOMAIN = Domain("blobs", ("BG", "blob"), {"full": Config}, open_dataset, None)


def called(detector, *arguments, write="labels,instances,summary,coco"):
    """Exit code of `predict` with these arguments."""
    options = vars(predict_parser("about").parse_args(["--weights", "none", "--write", write, *map(str, arguments)]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_detector", lambda domain, options: detector)
        return run(module.predict, DOMAIN, options)


def scene(shape, seed, dtype=np.uint8, count=15, side=14, factor=1, rows=0):
    """Rectangles of up to `side` pixels with values of their own, enlarged by `factor`, and `rows` above and below."""
    truth, rng = tiling_fakes.squares(shape, count, side, seed), np.random.default_rng(seed)
    top = {np.uint8: 255, np.uint16: 40_000, np.float32: 3.0}[dtype]
    image = rng.uniform(0, 0.02 * top, shape).astype(dtype)
    for y1, x1, y2, x2 in truth.boxes:
        image[y1:y2, x1:x2] = top * rng.uniform(0.5, 1)
    image = np.kron(image, np.ones((factor, factor), dtype))
    return np.pad(image, ((rows, rows), (0, 0)), constant_values=image.max())


def results(out):
    """The tables without the numbers of objects, in a fixed order, and the objects in each label image."""
    table = pd.read_csv(out / "instances.csv").drop(columns="instance")
    table = table.sort_values(["image", "page", "y1", "x1"]).reset_index(drop=True)
    labels = {}
    for path in out.glob("*_labels.tif"):
        found = np.atleast_3d(tifffile.imread(path).T).T
        labels[path.name] = [tiling_fakes.as_set(Instances.from_label_image(page)) for page in found]
    return table, pd.read_csv(out / "summary.csv"), labels


def assert_same_results(out, other):
    (table, summary, labels), (others, other_summary, other_labels) = results(out), results(other)
    pd.testing.assert_frame_equal(table, others, rtol=1e-6)
    pd.testing.assert_frame_equal(summary, other_summary)
    assert labels == other_labels and labels


def with_pixels_of(path, image, nm):
    per_cm = 1e7 / nm
    tifffile.imwrite(path, image, resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")
