"""Detection in more images than fit into memory: threads read and finish images while the network processes others."""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from mrcnn.errors import MrcnnError, without_frames

THREADS = 8  # default maximum; reading and molding an image takes a small fraction of the network's time


def stream(detector, items, read, finish, batch=1, threads=None, ahead=None):
    """Detect objects in any number of images, one after the other.

    Threads read and mold the next images, and place and finish the objects of the previous ones, in parallel with the
    network, which is called from this thread only. At most `2 * ahead + batch` images are in memory.

    Parameters
    ----------
    detector : MaskRCNN, or any object with `predict`
        An object with `predict` receives the images one by one.
    items : iterable
        Keys that identify the images for `read` and `finish`.
    read : callable (item) -> array [H, W, C]
    finish : callable (item, image, instances) -> anything
        Processes the objects of an image, in a thread.
    batch : int
        Number of images that go through the network together if they have the same molded size.
    threads : int, optional
        Number of reading threads; the same number finishes. Default: the number of processors, at most 8.
    ahead : int, optional
        Number of images to read before the network needs them. Default: `2 * batch + threads`.

    Yields
    ------
    (item, result)
        In the order of `items`; the result of `finish`, or the MrcnnError or OSError of an image that cannot be used.
    """
    network = _Network(detector.detection) if hasattr(detector, "detection") else _Whole(detector)
    threads = threads or min(THREADS, os.cpu_count() or 1)
    ahead, items = ahead or 2 * batch + threads, iter(items)
    reading, finishing = deque(), deque()
    readers, finishers = ThreadPoolExecutor(threads), ThreadPoolExecutor(threads)
    try:
        while True:
            for item in islice(items, max(0, ahead + batch - len(reading))):
                reading.append((item, readers.submit(_outcome, _read, network, read, item)))
            if not reading:
                break
            group = _next_group(reading, batch)
            good = [made for _, made in group if not isinstance(made, Exception)]
            found = iter(network.run([made for _, made in good]) if good else ())
            for item, made in group:
                if isinstance(made, Exception):
                    finishing.append((item, finishers.submit(_same, made)))
                else:
                    image, molded = made
                    work = (_finish, network, finish, item, image, molded, next(found))
                    finishing.append((item, finishers.submit(_outcome, *work)))
            while finishing and (len(finishing) > ahead or finishing[0][1].done()):
                item, future = finishing.popleft()
                yield item, future.result()
        while finishing:
            item, future = finishing.popleft()
            yield item, future.result()
    finally:
        readers.shutdown(cancel_futures=True)
        finishers.shutdown(cancel_futures=True)


def _read(network, read, item):
    image = np.asarray(read(item))
    return image, network.mold(image)


def _finish(network, finish, item, image, molded, found):
    return finish(item, image, network.place(image, molded, found))


def _outcome(function, *arguments):
    """The return value of the function, or an error that concerns only this image."""
    try:
        return function(*arguments)
    except (MrcnnError, OSError) as error:
        return without_frames(error)


def _same(value):
    return value


def _next_group(reading, batch):
    """Take the next images: at most `batch` that can be processed together, and unusable images between them."""
    group, shape, count = [], None, 0
    while reading and count < batch:
        made = reading[0][1].result()
        if not isinstance(made, Exception):
            size = np.shape(made[1][0]) if isinstance(made[1], tuple) else None
            if count and size != shape:
                break
            shape, count = size, count + 1
        group.append((reading.popleft()[0], made))
    return group


class _Network:
    """A model whose molding and placing can run in parallel with the network."""

    def __init__(self, detection):
        self.mold, self.detection = detection.mold, detection

    def run(self, made):
        """(detections, masks or None) of each molded image."""
        detections, masks = self.detection.run(np.stack([m[0] for m in made]), np.stack([m[1] for m in made]))
        return [(detections[i], None if masks is None else masks[i]) for i in range(len(made))]

    def place(self, image, made, found):
        return self.detection.place(*found, image.shape, made)


class _Whole:
    """A detector that only has `predict`."""

    def __init__(self, detector):
        self.detector = detector

    def mold(self, image):
        return image

    def run(self, images):
        return [_outcome(self._predict, image) for image in images]

    def _predict(self, image):
        return self.detector.predict([image])[0]

    def place(self, image, molded, found):
        if isinstance(found, Exception):
            raise found
        return found
