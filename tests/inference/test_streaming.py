"""Images streamed through a detector: order, errors of single images, bounded memory, batches of equal sizes."""

import gc
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.inference import streaming
from mrcnn.inference.streaming import Job, stream


class Sum:
    """A fake model that "detects" the sum of the image."""

    def __init__(self):
        self.detection, self.batches, self.threads = self, [], set()

    def molder(self):
        return self.mold

    def mold(self, image):
        if image.max() > 250:
            raise DataError("image", "is too bright", "Cut it")
        return image.astype(np.float32), np.zeros(2, np.float32), None

    def run(self, molded, metas):
        assert len(molded) == len(metas)
        self.batches.append(molded.shape)
        self.threads.add(threading.get_ident())
        return molded.sum(axis=(1, 2, 3)), None, [None] * len(molded)

    def place(self, detections, masks, image_shape, made, limit=None):
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


# --- Jobs ---
def job_of(item):
    """The image itself, a Job with pixels, or a Job that detects with the detector; `read` as for all others."""
    kind, value, side = item
    pixels = read((value, side))
    if kind == "array":
        return pixels
    if kind == "pixels":
        return Job(("kept", value), pixels)

    def detect(model):
        if value == 7:
            raise DataError("image", "cannot be used", "Leave it out")
        return model.alone(pixels)

    return Job(("kept", value), detect=detect)


class SumAlone(Sum):
    """Counts the calls by `Job.detect`, and checks that nothing else uses the network meanwhile."""

    def __init__(self):
        super().__init__()
        self.detected, self.busy = 0, False

    def alone(self, pixels):
        assert not self.busy and threading.get_ident() in self.threads | {threading.main_thread().ident}
        self.detected += 1
        return float(pixels.sum())

    def run(self, molded, metas):
        self.busy = True
        found = super().run(molded, metas)
        self.busy = False
        return found


@settings(max_examples=40, deadline=None)
@given(
    items=st.lists(
        st.tuples(
            st.sampled_from(["array", "pixels", "detect"]),
            st.sampled_from([-1, 0, 1, 7, 255]),
            st.sampled_from([2, 3]),
        ),
        max_size=20,
    ),
    batch=st.integers(1, 4),
    ahead=st.integers(1, 5),
)
def test_jobs_and_images_are_finished_in_order_with_what_they_keep(items, batch, ahead):
    model = SumAlone()
    done = list(stream(model, items, job_of, lambda item, kept, found: (kept, found), batch, 2, ahead))
    assert [item for item, _ in done] == items
    for (kind, value, side), result in done:
        if value < 0:
            assert isinstance(result, OSError)
        elif kind == "detect" and value == 7 or kind != "detect" and value == 255:
            assert isinstance(result, DataError)
        else:
            kept, found = result
            assert found == value * side * side
            assert kept == ("kept", value) if kind != "array" else kept.shape == (side, side, 1)
    assert model.detected == sum(kind == "detect" and value in (0, 1, 255) for kind, value, _ in items)
    assert sum(shape[0] for shape in model.batches) == sum(
        kind != "detect" and value in (0, 1, 7) for kind, value, _ in items
    )


def test_jobs_for_a_detector_that_only_has_predict():
    class Plain:
        def predict(self, images):
            return [int(image.sum()) for image in images]

        def alone(self, pixels):
            return -1

    items = [("array", 1, 2), ("detect", 1, 2), ("pixels", 1, 3), ("detect", 7, 2)]
    results = [result for _, result in stream(Plain(), items, job_of, lambda i, kept, found: found, batch=3)]
    assert results[:3] == [4, -1, 9] and isinstance(results[3], DataError)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("kind", ["array", "detect"])
def test_what_is_done_before_an_interruption_is_yielded(error, kind):
    class Stopped(SumAlone):
        calls = 0

        def run(self, molded, metas):
            return self.counted(lambda: super(Stopped, self).run(molded, metas))

        def alone(self, pixels):
            return self.counted(lambda: super(Stopped, self).alone(pixels))

        def counted(self, work):
            self.calls += 1
            if self.calls == 4:
                raise error
            return work()

    done = []
    with pytest.raises(error):
        for _, result in stream(Stopped(), [(kind, 1, 2)] * 9, job_of, lambda i, kept, found: found):
            done.append(result)
    assert done == [4.0] * 3


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([0, 10, 60, 150]), max_size=15),
    batch=st.integers(1, 3),
    threads=st.integers(1, 3),
    fail=st.booleans(),
)
def test_few_large_images_are_in_memory(sizes, batch, threads, fail):
    limit, held, most = 100, 0, 0
    items = list(enumerate(sizes))

    def taken():
        nonlocal held, most
        for item in items:
            held += item[1]
            most = max(most, held)
            yield item

    def opened(item):
        if fail and item[0] % 3 == 1:
            raise OSError("gone")
        return np.ones((2, 2, 1), np.uint8)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "HELD_BYTES", limit)
        for at, (item, _) in enumerate(stream(Sum(), taken(), opened, _shape, batch, threads, size=lambda i: i[1])):
            assert item == items[at]
            held -= item[1]
    assert held == 0 and most < limit + max(sizes, default=0)


def _shape(item, image, found):
    return image.shape
