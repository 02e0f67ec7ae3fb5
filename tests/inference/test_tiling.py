"""Tiled detection equals detection in the whole image and uses bounded memory; test_tiling_resumed.py resumes it."""

import threading
import tracemalloc

import numpy as np
import pytest
import tiling_fakes
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.tile_windows import corner_windows
from mrcnn.inference.tiling import ArraySource, TilePlan, detect_tiled


@st.composite
def scenes(draw):
    """(image shape, tile, overlap, objects that fit into the overlap)."""
    tile = draw(st.tuples(st.integers(32, 64), st.integers(32, 64)))
    overlap = tuple(draw(st.integers(8, 3 * size // 4)) for size in tile)
    shape = draw(st.tuples(st.integers(12, 160), st.integers(12, 160)))
    return shape, tile, overlap, tiling_fakes.squares(shape, 25, overlap, draw(st.integers(0, 2**32)))


@given(scenes(), st.sampled_from(["centre", "merge"]), st.integers(1, 5))
def test_tiled_equals_whole(scene, rule, batch):
    shape, tile, overlap, truth = scene
    image = tiling_fakes.encoded(truth)
    detector = tiling_fakes.Exact()
    found = detect_tiled(detector, image, tile, overlap, rule, batch, progress=False)
    (whole,) = tiling_fakes.Exact().predict([image])
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(whole) == tiling_fakes.as_set(truth)
    assert found.image_shape == shape
    # The same size of batch and tile for every image, so there is only one program.
    assert {tuple(shapes) for shapes in detector.calls} == {((*tile, 2),) * batch}
    assert len(detector.calls) == -(-len(TilePlan(shape, tile, overlap, rule).windows) // batch)


def large_object():
    """An object that does not fit into a tile of 64 pixels."""
    return Instances((200, 200), [[10, 20, 180, 130]], [1], [0.5005], [np.ones((170, 110), bool)])


def test_merging_takes_objects_larger_than_a_tile():
    truth = large_object()
    image = tiling_fakes.encoded(truth)
    found = detect_tiled(tiling_fakes.Exact(), image, 64, 16, "merge", progress=False)
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(truth)


def test_objects_too_large_for_the_centre_rule_are_mentioned(capsys):
    truth = large_object()
    detect_tiled(tiling_fakes.Exact(), tiling_fakes.encoded(truth), 64, 16, "centre")
    assert "larger than the overlap of 16 x 16 pixels" in capsys.readouterr().err
    detect_tiled(tiling_fakes.Exact(), tiling_fakes.encoded(truth), 64, 16, "merge")
    assert "larger than" not in capsys.readouterr().err


@pytest.mark.parametrize("rule", ["corner", "seed"])  # the second is its old name
def test_the_corner_rule_has_duplicates_and_gaps(rule):
    boxes = [(10, 110, 20, 120), (10, 30, 20, 40), (230, 20, 240, 30)]  # twice, once, never
    truth = Instances((256, 256), boxes, [1, 2, 1], None, [np.ones((10, 10), bool)] * 3)
    assert len(corner_windows((256, 256), 128)[0]) == 4
    found = detect_tiled(tiling_fakes.Exact(), tiling_fakes.encoded(truth), 128, 32, rule, progress=False)

    assert sorted(map(tuple, found.boxes.tolist())) == sorted([boxes[0], boxes[0], boxes[1]])


def test_min_score_and_pixel_size():
    truth = tiling_fakes.squares((120, 120), 20, 20)
    found = detect_tiled(
        tiling_fakes.Exact(),
        tiling_fakes.encoded(truth),
        64,
        24,
        min_score=0.504,
        pixel_size_nm=(4, 5),
        progress=False,
    )
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(truth.select(truth.scores >= 0.504))
    assert 0 < len(found) < len(truth) and found.pixel_size_nm == (4.0, 5.0)


def test_a_factory_makes_the_detector():
    truth = tiling_fakes.squares((90, 70), 10, 20)
    found = detect_tiled(tiling_fakes.Exact, tiling_fakes.encoded(truth), 64, 24, progress=False)
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(truth)


def test_progress_shows_the_time_left(capsys):
    detect_tiled(tiling_fakes.Exact(), np.zeros((100, 200, 2), np.uint8), 64, 24)
    shown = capsys.readouterr().err
    assert "10/10 [00:0" in shown and "<" in shown
    detect_tiled(tiling_fakes.Exact(), np.zeros((100, 200, 2), np.uint8), 64, 24, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "corners"}, "rule must be one of centre, merge, corner"),
        ({"tile": 64, "overlap": 64}, "overlap must be"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"tile": 64, "overlap": 20, "rule": "corner"}, "set the overlap to 16"),
        ({"tile": 128, "overlap": 32, "rule": "corner"}, "Use the rule 'centre' or 'merge'"),
    ],
)
def test_invalid_settings(options, message):
    with pytest.raises(ConfigError, match=message):
        detect_tiled(tiling_fakes.Exact(), np.zeros((100, 100, 2), np.uint8), **options)


# --- Sources ---
def test_an_array_is_stretched_as_a_whole_not_by_tiles():
    image = np.zeros((64, 128), np.uint16)
    image[:, 64:] = 1000
    source = ArraySource(image)
    assert source.shape == (64, 128, 1)
    assert (source.read(0, 0, 64, 64) == 0).all() and (source.read(0, 64, 64, 128) == 255).all()


@pytest.mark.parametrize("array", [np.zeros((3, 4, 5, 6)), np.zeros((0, 4)), np.full((4, 4), np.nan)])
def test_an_array_that_is_not_an_image(array):
    with pytest.raises(DataError, match="array"):
        ArraySource(array)


def test_a_source_that_returns_a_different_size_is_an_error():
    class Short(ArraySource):
        def read(self, *window):
            return super().read(*window)[:-1]

    with pytest.raises(DataError, match=r"a\.tif: returned 63 x 64 pixels"):
        detect_tiled(tiling_fakes.Exact(), Short(np.zeros((100, 100, 2), np.uint8), "a.tif"), 64, 24, progress=False)


class Watched(ArraySource):
    """Counts windows and records the reading threads."""

    def __init__(self, array):
        super().__init__(array)
        self.read_windows, self.threads = 0, set()

    def read(self, *window):
        self.read_windows += 1
        self.threads.add(threading.get_ident())
        return super().read(*window)


def test_the_next_windows_are_read_while_the_network_works_and_not_more():
    source, ahead = Watched(np.zeros((64, 2000, 2), np.uint8)), []

    class Slow(tiling_fakes.Exact):
        def predict(self, images):
            # The reader has enough time for all windows, and must stop after the next batch.
            wanted = min(source_windows, 3 * (len(self.calls) + 1) + 3)
            for _ in range(500):
                if source.read_windows >= wanted:
                    break
                threading.Event().wait(0.01)
            threading.Event().wait(0.02)
            ahead.append(source.read_windows - 3 * len(self.calls))
            return super().predict(images)

    source_windows = len(TilePlan(source.shape, 64, 16, "centre").windows)
    detect_tiled(Slow(), source, 64, 16, batch=3, progress=False)
    assert source.read_windows == source_windows
    assert max(ahead) <= 3 + 3 + 1 and min(ahead[:-2]) >= 3 + 3
    assert len(source.threads) == 1 and threading.get_ident() not in source.threads


def test_memory_does_not_grow_with_the_image():
    """For a generated wafer of 6136 x 5616 pixels, much less is in memory than one plane."""

    class Large:
        shape, path = (6136, 5616, 3), "wafer"

        def read(self, y1, x1, y2, x2):
            return np.zeros((y2 - y1, x2 - x1, 3), np.uint8)

    class Sections:
        def predict(self, images):
            box = np.array([[450, 450, 570, 570]])
            return [Instances(image.shape, box, [1], [0.9], [np.ones((120, 120), bool)]) for image in images]

    tracemalloc.start()
    found = detect_tiled(Sections(), Large(), 1024, 256, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) > 30 and peak < 20e6


# --- The network itself ---
@pytest.fixture(scope="module")
def network(tiny, tmp_path_factory):
    from mrcnn.engine.mask_rcnn import MaskRCNN

    settings = tiny.config(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=64, IMAGE_MAX_DIM=64, IMAGES_PER_GPU=1)
    return MaskRCNN("inference", settings, tmp_path_factory.mktemp("models"))


def test_the_network_takes_a_batch_of_tiles(network):
    image = np.random.default_rng(0).integers(0, 255, (64, 150, 3)).astype(np.uint8)
    run, shapes = network.detection.run, []

    def noted(molded, metas):
        shapes.append(molded.shape)
        return run(molded, metas)

    network.detection.run = noted
    try:
        found = network.detect_tiled(image, tile=64, overlap=16, batch=2, rule="merge", progress=False)
    finally:
        del network.detection.run
    assert shapes == [(2, 64, 64, 3)] * 2
    assert network.detection.batch_size is None
    assert found.image_shape == (64, 150) and len(found)


def test_a_tile_as_large_as_the_image_is_plain_detection(network):
    image = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    found = network.detect_tiled(image, tile=64, overlap=16, progress=False)
    (plain,) = network.predict([image])
    assert tiling_fakes.as_set(found) == tiling_fakes.as_set(plain.tightened())


def test_different_weights_are_a_different_run(network, tmp_path):
    import keras

    image = np.zeros((64, 64, 3), np.uint8)
    network.detect_tiled(image, tile=64, overlap=16, progress=False, resume_dir=tmp_path)
    weight = network.keras_model.weights[0]
    before = keras.ops.convert_to_numpy(weight)
    weight.assign(before + 1)
    try:
        with pytest.raises(ConfigError, match=r"another run \(different weights\)"):
            network.detect_tiled(image, tile=64, overlap=16, progress=False, resume_dir=tmp_path)
    finally:
        weight.assign(before)
    network.detect_tiled(image, tile=64, overlap=16, progress=False, resume_dir=tmp_path)
