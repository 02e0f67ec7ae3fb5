"""A detector without a network, for tests of tiling: the value of a pixel is the number of its object."""

import contextlib
import os
import signal
import time
from pathlib import Path

import numpy as np

from mrcnn.geometry.instances import Instances
from mrcnn.inference.tiling import ArraySource


class Exact:
    """Finds every object in a tile, cut at the tile border. Odd object numbers have class 1, even ones class 2."""

    def __init__(self, folder=None, delay=0.0):
        self.folder, self.delay, self.calls = folder, delay, []

    def predict(self, images):
        self.calls.append([image.shape for image in images])
        time.sleep(self.delay)
        return [found(np.asarray(image)) for image in images]

    def fingerprint(self):
        return "exact"


def found(image):
    """The objects of an image created by `encoded`."""
    labels = image[..., 0] + 256 * image[..., 1].astype(np.int32)
    values = np.unique(labels[labels > 0])
    return Instances.from_label_image(labels, 2 - values % 2, 0.5 + values / 2000)


def encoded(truth):
    """An image uint8 [H, W, 2] in which `Exact` finds these objects, whatever the window."""
    labels = truth.to_label_image()
    return np.stack([labels % 256, labels // 256], axis=-1).astype(np.uint8)


def squares(shape, count, side, seed=0):
    """Up to `count` non-touching rectangles of at most `side` pixels, with classes and scores as found by `Exact`."""
    rng = np.random.default_rng(seed)
    taken, boxes = np.zeros(shape, bool), []
    for _ in range(count):
        size = rng.integers(2, np.minimum(side, shape) + 1)
        y, x = rng.integers(0, np.array(shape) - size + 1)
        if not taken[max(y - 1, 0) : y + size[0] + 1, max(x - 1, 0) : x + size[1] + 1].any():
            taken[y : y + size[0], x : x + size[1]] = True
            boxes.append((y, x, *((y, x) + size)))
    numbers = np.arange(1, len(boxes) + 1)
    masks = [np.ones((b[2] - b[0], b[3] - b[1]), bool) for b in boxes]
    return Instances(shape, boxes, 2 - numbers % 2, 0.5 + numbers / 2000, masks)


def as_set(instances):
    """Boxes, classes, scores and masks in a fixed order, to compare two results."""
    rows = zip(instances.boxes.tolist(), instances.class_ids.tolist(), instances.scores.tolist(), instances.masks)
    return sorted((tuple(box), c, round(s, 5), m.tobytes()) for box, c, s, m in rows)


class Broken(ArraySource):
    """A source that cannot be read below a given row until a file `mended` exists."""

    def __init__(self, array, row, folder):
        super().__init__(array, "wafer.tif")
        self.row, self.folder = row, Path(folder)

    def read(self, y1, x1, y2, x2):
        if y2 > self.row and not (self.folder / "mended").exists():
            raise OSError("unexpected end of file")
        return super().read(y1, x1, y2, x2)


class Factory:
    """Creates `SelfKilling` detectors; records in a folder in which processes it arrived and was called."""

    def __init__(self, folder, deaths=1):
        self.folder, self.deaths = str(folder), deaths

    def __setstate__(self, state):
        vars(self).update(state)
        _note(self.folder, "arrived")

    def __call__(self):
        _note(self.folder, "built")
        return SelfKilling(self.folder, self.deaths)


def _note(folder, what):
    with open(Path(folder) / f"{what}_{os.getpid()}", "a") as file:
        file.write("x")


class SelfKilling(Exact):
    """Kills its own process by a signal while working, `deaths` times in total, with one file per kill."""

    def __init__(self, folder, deaths):
        super().__init__(folder, delay=0.02)
        self.deaths = deaths

    def predict(self, images):
        if len(self.calls) == 3 and self._has_a_turn():
            (Path(self.folder) / f"died_{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(images)

    def _has_a_turn(self):
        """Whether a kill is left for this process; two processes never take the same one."""
        for turn in range(self.deaths):
            with contextlib.suppress(FileExistsError):
                (Path(self.folder) / f"turn_{turn}").touch(exist_ok=False)
                return True
        return False
