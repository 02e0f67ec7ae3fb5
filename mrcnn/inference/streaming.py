"""Detection in more images than fit into memory: threads read and finish images while the network processes others."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mrcnn.errors import DataError, MrcnnError, without_frames


@dataclass
class Job:
    """What `read` of `stream` may return in place of an array.

    Attributes
    ----------
    kept : object
        Given to `finish` as the image.
    pixels : array [H, W, C], optional
        For the network.
    detect : callable, optional
        Instead of `pixels`: (detector) -> the objects, called while nothing else uses the network.
    """

    kept: object
    pixels: np.ndarray | None = None
    detect: Callable | None = None


THREADS = 8  # default maximum; reading and molding an image takes a small fraction of the network's time
HELD_BYTES = 2**30  # of large images in memory: no more are read until the first of these are finished
_END = object()
OF_ONE_FILE = (MemoryError, RecursionError)  # errors that concern one file, and must not end the run of the others


def stream(detector, items, read, finish, batch=1, threads=None, ahead=None, size=None):
    """Detect objects in any number of images, one after the other.

    Threads read and mold the next images, and place and finish the objects of the previous ones, in parallel with the
    network, which is called from this thread only. At most `2 * ahead + batch` images are in memory, and with `size`
    less than 1 GB and one more.

    Parameters
    ----------
    detector : MaskRCNN, or any object with `predict`
        An object with `predict` receives the images one by one.
    items : iterable
        Keys that identify the images for `read` and `finish`.
    read : callable (item) -> array [H, W, C] or Job
    finish : callable (item, image, instances) -> anything
        Processes the objects of an image, in a thread.
    batch : int
        Number of images that go through the network together if they have the same molded size.
    threads : int, optional
        Number of reading threads; the same number finishes. Default: the number of processors, at most 8.
    ahead : int, optional
        Number of images to read before the network needs them. Default: `2 * batch + threads`.
    size : callable (item) -> int, optional
        Bytes that an image takes in memory.

    Yields
    ------
    (item, result)
        In the order of `items`; the result of `finish`, or the MrcnnError or OSError of an image that cannot be used.
    """
    network = _Network(detector.detection) if hasattr(detector, "detection") else _Whole(detector)
    threads = threads or min(THREADS, os.cpu_count() or 1)
    ahead, items = ahead or 2 * batch + threads, iter(items)
    reading, finishing, held = deque(), deque(), 0
    readers, finishers = ThreadPoolExecutor(threads), ThreadPoolExecutor(threads)
    try:
        while True:
            while len(reading) < ahead + batch and (held < HELD_BYTES or not reading):
                item = next(items, _END)
                if item is _END:
                    break
                held += size(item) if size else 0
                reading.append((item, readers.submit(_outcome, _read, network, read, item)))
            if not reading:
                break
            group = _next_group(reading, batch)
            good = [made for _, made in group if not isinstance(made, Exception)]
            try:
                if good and good[0][0].detect is not None:
                    found = iter([_outcome(good[0][0].detect, detector)])
                else:
                    found = iter(_each(network, [made for _, made in good]))
            except BaseException:  # such as Ctrl+C: the images before it are done
                for item, future in finishing:
                    yield item, future.result()
                raise
            for item, made in group:
                if isinstance(made, Exception):
                    finishing.append((item, finishers.submit(_same, made)))
                else:
                    job, molded = made
                    work = (_finish, network, finish, item, job, molded, next(found))
                    finishing.append((item, finishers.submit(_outcome, *work)))
            while finishing and (len(finishing) > ahead or held >= HELD_BYTES or finishing[0][1].done()):
                item, future = finishing.popleft()
                outcome = future.result()
                held -= size(item) if size else 0
                yield item, outcome
        while finishing:
            item, future = finishing.popleft()
            yield item, future.result()
    finally:
        readers.shutdown(cancel_futures=True)
        finishers.shutdown(cancel_futures=True)


def _read(network, read, item):
    made = read(item)
    if not isinstance(made, Job):
        made = np.asarray(made)
        made = Job(made, made)
    return made, None if made.detect is not None else network.mold(np.asarray(made.pixels))


def _finish(network, finish, item, job, molded, found):
    if isinstance(found, Exception):
        raise found
    return finish(item, job.kept, found if job.detect is not None else network.place(job.pixels, molded, found))


def _outcome(function, *arguments):
    """The return value of the function, or an error that concerns only this image."""
    try:
        return function(*arguments)
    except (MrcnnError, OSError) as error:
        return without_frames(error)
    except OF_ONE_FILE as error:
        return without_frames(without_room("image", error))


def without_room(path, error):
    """A MemoryError, or a RecursionError of a file that is nested too deeply, as the `DataError` of a file."""
    if isinstance(error, RecursionError):
        return DataError(path, "is nested too deeply", "Write it again with another program, or leave it out")
    return DataError(
        path, "needs more memory than there is", "Crop or reduce the image, use --tile, or a machine with more memory"
    )


def _each(network, made):
    """What the network finds in each image of a batch; one by one if the batch needs too much memory."""
    try:
        return network.run(made) if made else []
    except OF_ONE_FILE as error:
        if len(made) == 1:
            return [without_frames(without_room("image", error))]
    return [found for one in made for found in _each(network, [one])]


def _same(value):
    return value


def _next_group(reading, batch):
    """Take the next images: at most `batch` that can be processed together, and unusable images between them."""
    group, shape, count = [], None, 0
    while reading and count < batch:
        made = reading[0][1].result()
        if not isinstance(made, Exception):
            alone = made[0].detect is not None
            size = np.shape(made[1][0]) if isinstance(made[1], tuple) else None
            if count and (alone or size != shape):
                break
            shape, count = size, batch if alone else count + 1
        group.append((reading.popleft()[0], made))
    return group


class _Network:
    """A model whose molding and placing can run in parallel with the network."""

    def __init__(self, detection):
        self.mold, self.detection = detection.molder(), detection

    def run(self, made):
        """(detections, masks or None, limit or None) of each molded image."""
        detections, masks, limits = self.detection.run(np.stack([m[0] for m in made]), np.stack([m[1] for m in made]))
        return [(detections[i], None if masks is None else masks[i], limits[i]) for i in range(len(made))]

    def place(self, image, made, found):
        detections, masks, limit = found
        return self.detection.place(detections, masks, image.shape, made, limit)


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
        return found
