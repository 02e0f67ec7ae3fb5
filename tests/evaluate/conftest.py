"""Random scenes for the tests of the scores."""

import numpy as np
import pytest

from mrcnn.geometry.instances import Instances


def _random_instances(rng, count, classes=2, shape=(40, 50), separate=False):
    """Ellipse-like objects; `separate`: without overlaps, as in a label image (hidden objects are dropped)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    masks = np.zeros((*shape, count), bool)
    for i in range(count):
        cy, cx, ry, rx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), *rng.uniform(2, 9, 2)
        masks[..., i] = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1
        if separate:
            masks[..., :i] &= ~masks[..., i : i + 1]
    scores = rng.choice(np.linspace(0.05, 0.95, 7), count)  # with ties
    return Instances.from_masks(masks, rng.integers(1, classes + 1, count), scores)


def _jittered(rng, truth, classes=2):
    """Predictions near these objects: shifted, some missing, some of a different class, some false positives added."""
    masks = truth.to_masks()
    kept = np.flatnonzero(rng.random(len(truth)) < 0.85)
    moved = [np.roll(masks[..., i], rng.integers(-2, 3, 2), (0, 1)) for i in kept]
    extra = _random_instances(rng, int(rng.integers(0, 3)), classes, truth.image_shape)
    stack = np.concatenate([np.stack(moved, -1) if moved else masks[..., :0], extra.to_masks()], axis=-1)
    class_ids = np.concatenate([truth.class_ids[kept], extra.class_ids])
    class_ids = np.where(rng.random(len(class_ids)) < 0.8, class_ids, rng.integers(1, classes + 1, len(class_ids)))
    return Instances.from_masks(stack, class_ids, rng.choice(np.linspace(0.05, 0.95, 7), len(class_ids)))


@pytest.fixture(scope="session")
def random_instances():
    return _random_instances


@pytest.fixture(scope="session")
def scene():
    """A function of (seed, max_count, separate): ground truth and nearby predictions of one image."""

    def make(seed, max_count=8, separate=False, classes=2):
        rng = np.random.default_rng(seed)
        truth = _random_instances(rng, int(rng.integers(0, max_count + 1)), classes, separate=separate)
        pred = _jittered(rng, truth, classes)
        if separate:
            labels = pred.to_label_image()
            seen = np.unique(labels[labels > 0]) - 1
            pred = Instances.from_label_image(labels, pred.class_ids[seen], pred.scores[seen])
        return truth, pred

    return make
