"""`predict` of models: whole or in tiles at the scale of the training, and never reduced in silence."""

import warnings

import numpy as np
import pytest
import tiling_fakes
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config, SemanticConfig
from mrcnn.data.grey_levels import intensities
from mrcnn.data.molding import resize_scale, to_channels
from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.engine.segmenter import SemanticSegmenter
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.resample import scaled_image
from mrcnn.inference import scale as scale_module
from mrcnn.inference.evaluation import detect_counted
from mrcnn.inference.scale import default_scale
from mrcnn.inference.whole_or_tiled import at_scale, predict_whole_or_tiled


class Fake:
    """`Exact` with settings and a scale; a network of 64 pixels."""

    def __init__(self, **settings):
        settings = {"IMAGE_MAX_DIM": 64, "IMAGE_CHANNEL_COUNT": 2, "MEAN_PIXEL": np.zeros(2), **settings}
        self.config, self.scale, self.seen = Config(**settings), None, []

    def fingerprint(self):
        return "fake"

    def whole(self, images):
        found = []
        for i, image in enumerate(images):
            image = to_channels(image, self.config.IMAGE_CHANNEL_COUNT, f"image {i}")
            try:
                image = intensities(image, self.config)
            except ValueError as error:
                raise DataError(f"image {i}", str(error), "Repair it") from error
            self.seen.append((image.shape[:2], self.scale))
            found.append(tiling_fakes.found(image))
        return found

    def predict(self, images, **options):
        return predict_whole_or_tiled(self, self.whole, images, **options)


@given(
    shapes=st.lists(st.tuples(st.integers(3, 150), st.integers(3, 150)), min_size=1, max_size=4),
    trained=st.sampled_from([0.5, 1.0, 2.0]),
    seed=st.integers(0, 2**32),
)
def test_tiled_equals_whole_and_nothing_is_reduced(shapes, trained, seed):
    truths = [tiling_fakes.squares(shape, 20, 7, seed + i) for i, shape in enumerate(shapes)]
    detector = Fake(TRAINED_SCALE=trained)
    found = detector.predict([tiling_fakes.encoded(truth) for truth in truths], pixel_size_nm=5)
    assert [tiling_fakes.as_set(f) for f in found] == [tiling_fakes.as_set(t) for t in truths]
    assert [f.image_shape for f in found] == shapes and all(f.pixel_size_nm == (5, 5) for f in found)
    assert all(round(max(shape) * (scale or trained)) <= 64 for shape, scale in detector.seen)
    assert detector.scale is None


def test_a_given_scale_applies_to_all_images():
    detector = Fake(TRAINED_SCALE=1.0)
    images = [tiling_fakes.encoded(tiling_fakes.squares(shape, 5, 5)) for shape in ((30, 30), (60, 60))]
    detector.predict(images, scale=2)
    assert {scale for _, scale in detector.seen} == {2} and max(max(shape) for shape, _ in detector.seen) <= 32
    detector.scale = 0.5  # the attribute is the default
    detector.seen.clear()
    detector.predict(images)
    assert detector.seen == [((30, 30), 0.5), ((60, 60), 0.5)] and detector.scale == 0.5


def test_min_score_applies_to_whole_and_tiled_images():
    truths = [tiling_fakes.squares(shape, 20, 7) for shape in ((60, 60), (150, 150))]
    found = Fake(TRAINED_SCALE=1).predict([tiling_fakes.encoded(t) for t in truths], min_score=0.504)
    for one, truth in zip(found, truths):
        assert tiling_fakes.as_set(one) == tiling_fakes.as_set(truth.select(truth.scores >= 0.504))
        assert 0 < len(one) < len(truth)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tile": 16}, "tile must be"),
        ({"tile": "on"}, "tile must be"),
        ({"scale": 0}, "scale must be"),
        ({"scale": "2"}, "scale must be"),
        ({"tile": 100}, "Tiles of 100 pixels are larger than the network's images.*'auto'"),
    ],
)
def test_bad_options_are_refused_before_anything_is_detected(options, words):
    detector = Fake(TRAINED_SCALE=1)
    with pytest.raises(ConfigError, match=words):
        detector.predict([np.zeros((20, 20, 2), np.uint8), np.zeros((150, 150, 2), np.uint8)], **options)
    assert not detector.seen
    if "scale" in options or options["tile"] in (16, "on"):
        with pytest.raises(ConfigError, match=words):
            detector.predict([], **options)


@pytest.mark.parametrize(
    "bad",
    [np.zeros((9, 9, 3), np.uint8), np.full((9, 9), np.nan), np.zeros(5), np.zeros((0, 9)), np.zeros((2, 9, 9, 2))],
)
@pytest.mark.parametrize("times", [1, 20])
def test_errors_give_the_position_among_all_images(bad, times):
    """Images before it are tiled, so it is not the second of those that the network sees at once."""
    large = np.zeros((100, 100, 2), np.uint8)
    bad = np.tile(bad, (times, times, *[1] * (bad.ndim - 2))) if bad.ndim == 2 or bad.ndim == 3 else bad
    with pytest.raises(DataError, match="^image 2: "):
        Fake(TRAINED_SCALE=1).predict([large, large[:50, :50], bad, large])


def test_the_scale_is_restored_after_an_error():
    detector = Fake()
    with pytest.raises(DataError), at_scale(detector, 2):
        raise DataError("a", "b", "c")
    assert detector.scale is None


def test_an_unknown_scale_is_mentioned_once_per_model():
    detector, large = Fake(), np.zeros((100, 100, 2), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.predict([large[:60, :60]])
        detector.predict([large], tile="off")
        detector.predict([large], scale=0.5)
        Fake(TRAINED_SCALE=1.0).predict([large])
    with pytest.warns(UserWarning, match="Images larger than 64 pixels.*tiles at their own scale.*TRAINED_SCALE"):
        detector.predict([large])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector.predict([large, large])


@pytest.mark.parametrize("channels", [1, 2])
def test_values_are_stretched_as_in_a_whole_image(channels):
    """Windows of a 16 bit image, and channels that are mixed before they are stretched."""

    class Bright(Fake):
        def whole(self, images):
            found = []
            for image in images:
                image = intensities(to_channels(image, self.config.IMAGE_CHANNEL_COUNT), self.config)
                labels = np.zeros(image.shape[:2], np.int32)
                for i, (y, x) in enumerate(zip(*np.nonzero(image[::8, ::8, 0])), start=1):
                    labels[8 * y, 8 * x] = i
                values = image[labels > 0][:, 0] / 256
                found.append(Instances.from_label_image(labels, scores=values))
            return found

    rng = np.random.default_rng(0)
    image = np.full((144, 144, 3 if channels == 1 else 2), 900, np.uint16)
    spots = rng.integers(1000, 60_000, (9, 9, image.shape[2]))
    image[8:136:16, 8:136:16] = spots[:8, :8]
    settings = {"MEAN_PIXEL": np.zeros(channels), "TRAINED_SCALE": 1.0, "TRAINED_OBJECT_PX": [1, 1, 1]}
    detector = Bright(IMAGE_CHANNEL_COUNT=channels, DETECTION_MIN_CONFIDENCE=0.0, **settings)
    (whole,), (tiled,) = detector.predict([image], tile="off"), detector.predict([image])
    assert len(whole) > 50 and tiling_fakes.as_set(tiled) == tiling_fakes.as_set(whole)
    for counted in detect_counted(detector, image, 1e-3):
        assert tiling_fakes.as_set(counted) == tiling_fakes.as_set(whole)


# --- The models ---
@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory):
    return MaskRCNN("inference", tiny.config(IMAGES_PER_GPU=1), tmp_path_factory.mktemp("logs"))


@pytest.fixture
def shown(model, monkeypatch):
    """(scale in the image meta, image shape) of each image that goes through the network."""
    found, real = [], model.detection.run

    def run(molded, metas):
        found.extend((round(float(meta[11]), 4), tuple(int(v) for v in meta[1:3])) for meta in metas)
        return real(molded, metas)

    monkeypatch.setattr(model.detection, "run", run)
    monkeypatch.setattr(model.config, "TRAINED_SCALE", 1.0)
    return found


LARGE = np.random.default_rng(0).integers(0, 255, (150, 100, 3)).astype(np.uint8)


def test_mask_rcnn_does_not_reduce_a_large_image(model, shown):
    (found,) = model.predict([LARGE])
    assert len(shown) > 4 and {scale for scale, _ in shown} == {1} and {shape for _, shape in shown} == {(64, 64)}
    assert found.image_shape == (150, 100) and (found.boxes[:, 2:] <= (150, 100)).all()


def test_mask_rcnn_reduces_without_tiles_as_matterports_detect_does(model, shown):
    (found,) = model.predict([LARGE], tile="off")
    (as_before,) = model.detect([LARGE])
    assert shown == [(round(64 / 150, 4), (150, 100))] * 2
    np.testing.assert_array_equal(as_before["rois"], found.boxes)
    with pytest.raises(
        DataError, match="150 x 100 pixels at a scale of 1, more than IMAGE_MAX_DIM = 64. Use tile='auto'"
    ):
        model.predict([LARGE], tile="off", scale=1)


@pytest.mark.parametrize("scale", [0.25, 0.4, 0.5, 2])
def test_mask_rcnn_takes_exactly_the_given_scale(model, shown, scale):
    (found,) = model.predict([LARGE], scale=scale)
    assert {s for s, _ in shown} == {scale} and (len(shown) == 1) == (150 * scale <= 64)
    assert found.image_shape == (150, 100) and (found.boxes[:, 2:] <= (150, 100)).all()
    assert model.scale is None


def test_mask_rcnn_uses_the_recorded_scale(model, shown, monkeypatch):
    monkeypatch.setattr(model.config, "TRAINED_SCALE", 0.5)
    model.predict([LARGE], tile=128)
    assert {scale for scale, _ in shown} == {0.5} and len(shown) == 2


@pytest.mark.parametrize("options", [{"tile": 8}, {"tile": 1.5}, {"scale": 100}, {"tile": 65}])
def test_mask_rcnn_refuses_bad_options(model, shown, options):
    with pytest.raises(ConfigError):
        model.predict([LARGE], **options)
    assert not shown


@pytest.fixture(scope="module")
def segmenter(tiny, tmp_path_factory):
    config = SemanticConfig(
        NAME="Tiny",
        BACKBONE=tiny.backbone,
        COMPUTE_BACKBONE_SHAPE=tiny.backbone_shapes,
        SEMANTIC_DECODER=(8, 8, 8, 8),
        SEMANTIC_CROP=32,
        IMAGE_CHANNEL_COUNT=3,
        IMAGES_PER_GPU=2,
        PRECISION="float32",
    )
    return SemanticSegmenter("inference", config, tmp_path_factory.mktemp("logs"))


def test_the_segmenter_is_tiled_only_beyond_its_limit(segmenter, monkeypatch):
    sizes, real = [], segmenter._probability_of
    monkeypatch.setattr(
        segmenter, "_probability_of", lambda image, *more: sizes.append(image.shape[:2]) or real(image, *more)
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning)
        segmenter.predict([LARGE])
        assert sizes == [(150, 100)]
        monkeypatch.setattr(scale_module, "SEMANTIC_WHOLE_SIDE", 96)
        monkeypatch.setattr(scale_module, "MODEL_TILE", 64)
        sizes.clear()
        (found,) = segmenter.predict([LARGE], pixel_size_nm=4)
        assert set(sizes) == {(64, 64)} and len(sizes) > 4
        assert found.image_shape == (150, 100) and found.pixel_size_nm == (4, 4)
        sizes.clear()
        segmenter.predict([LARGE], tile="off")
        segmenter.predict([LARGE], scale=0.5)
        assert sizes == [(150, 100), (75, 50)]
    for options in ({"tile": 8}, {"scale": -1}, {"tile": 97}):
        with pytest.raises(ConfigError):
            segmenter.predict([LARGE], **options)
    assert segmenter.scale is None


def test_the_segmenter_reduces_like_a_training_at_the_object_size_of_its_weights(segmenter, monkeypatch):
    for name in ("TRAINED_SCALE", "TRAINED_RESCALED"):
        monkeypatch.setattr(segmenter.config, name, 0.5)
    seen, real = [], segmenter._probability_of
    monkeypatch.setattr(segmenter, "_probability_of", lambda image: seen.append(image) or real(image))
    for tile in ("auto", "off"):
        (found,) = segmenter.predict([LARGE], tile=tile)
        assert found.image_shape == (150, 100)
    assert len(seen) == 2
    for image in seen:
        np.testing.assert_array_equal(image, scaled_image(LARGE, 0.5))


def test_the_warning_about_an_unknown_scale_names_the_line_of_the_caller(model, monkeypatch):
    for detect in (lambda: model.predict([LARGE]), lambda: detect_counted(model, LARGE, 0.99)):
        monkeypatch.setattr(model, "_assumed_scale_told", False, raising=False)
        with pytest.warns(UserWarning, match="does not record the scale") as caught:
            detect()
        assert [w.filename for w in caught if "does not record" in str(w.message)] == [__file__]


def test_images_that_need_no_tiles_have_the_scale_of_the_training():
    """In mode "square", images of different sizes would otherwise be brought to different scales."""
    config = Config(TRAINED_SCALE=0.5, IMAGE_MAX_DIM=128, IMAGE_MIN_DIM=64)
    assert [default_scale(config), resize_scale((180, 200), config)] == [0.5, 0.64]
    seen = []

    class Detector:
        scale = None

        def __init__(self):
            self.config = config

    detector = Detector()

    def whole(images):
        seen.append(detector.scale)
        return [Instances(np.shape(image)[:2]) for image in images]

    predict_whole_or_tiled(detector, whole, [np.zeros((180, 200, 3), np.uint8)])
    predict_whole_or_tiled(detector, whole, [np.zeros((180, 200, 3), np.uint8)], tile="off")
    assert seen == [0.5, None]
