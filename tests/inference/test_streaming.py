"""Images streamed through a detector: order, errors of single images, bounded memory, batches of equal sizes."""

import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.inference.streaming import stream


class Sum:
    """A fake model that "detects" the sum of the image."""

    def __init__(self):
        self.detection, self.batches, self.threads = self, [], set()

    def mold(self, image):
        if image.max() > 250:
            raise DataError("image", "is too bright", "Cut it")
        return image.astype(np.float32), np.zeros(2, np.float32), None

    def run(self, molded, metas):
        assert len(molded) == len(metas)
        self.batches.append(molded.shape)
        self.threads.add(threading.get_ident())
        return molded.sum(axis=(1, 2, 3)), None

    def place(self, detections, masks, image_shape, made):
        assert masks is None and made[0].shape == image_shape
        return float(detections)


def read(item):
    value, side = item
    if value < 0:
        raise OSError("gone")
    return np.full((side, side, 1), value, np.uint8)


@settings(max_examples=30, deadline=None)
@given(
    items=st.lists(st.tuples(st.sampled_from([-1, 0, 1, 7, 255]), st.sampled_from([2, 3])), max_size=20),
    batch=st.integers(1, 4),
    threads=st.integers(1, 3),
    ahead=st.integers(1, 5),
)
def test_each_image_has_its_result_or_error_in_order(items, batch, threads, ahead):
    model = Sum()
    done = list(stream(model, items, read, lambda item, image, found: (image.shape, found), batch, threads, ahead))
    assert [item for item, _ in done] == items
    for (value, side), result in done:
        if value < 0:
            assert isinstance(result, OSError)
        elif value == 255:
            assert isinstance(result, DataError)
        else:
            assert result == ((side, side, 1), value * side * side)
    assert sum(shape[0] for shape in model.batches) == sum(0 <= value < 250 for value, _ in items)
    assert all(shape[0] <= batch for shape in model.batches) and model.threads <= {threading.get_ident()}


def test_memory_is_bounded_and_what_was_not_asked_for_is_not_read():
    asked = []

    def counted(item):
        asked.append(item)
        return np.zeros((2, 2, 1), np.uint8)

    found = stream(Sum(), iter(range(10_000)), counted, lambda *a: None, batch=2, threads=2, ahead=3)
    for _ in range(4):
        next(found)
    found.close()
    assert len(asked) <= 4 + 2 * 3 + 3 * 2


def test_images_that_cannot_be_used_do_not_stay_in_memory_with_their_errors():
    alive = []

    def bright(item):
        image = np.full((2, 2, 1), 255, np.uint8)
        alive.append(weakref.ref(image))
        return image

    class Refuses:
        def predict(self, images):
            try:
                return images[0].index(1)
            except AttributeError as error:
                raise DataError("image", "cannot be used", "Leave it out") from error

    for model in (Sum(), Refuses()):
        alive.clear()
        errors = [error for _, error in stream(model, range(50), bright, lambda *a: None, threads=2)]
        gc.collect()
        assert len(errors) == len(alive) == 50 and all(isinstance(error, DataError) for error in errors)
        assert not any(ref() is not None for ref in alive)


def test_a_detector_that_only_has_predict_and_rejects_one_image():
    class Plain:
        def predict(self, images):
            if images[0].max() == 7:
                raise DataError("image", "cannot be used", "Leave it out")
            return [int(image.sum()) for image in images]

    results = [result for _, result in stream(Plain(), [(1, 2), (7, 2), (2, 2)], read, lambda i, image, found: found)]
    assert results[0] == 4 and isinstance(results[1], DataError) and results[2] == 8


def test_an_error_of_the_program_ends_the_stream():
    with pytest.raises(ZeroDivisionError):
        list(stream(Sum(), [(1, 2)] * 5, read, lambda *a: 1 // 0))
