"""`mrcnn.model`: images that are not uint8, in detection and training; the original used all values unchanged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn import model as modellib
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.errors import DataError
from mrcnn.legacy.grey_levels import holds_grey_levels, in_grey_levels, to_grey_levels

MEAN = np.array([123.7, 116.8, 103.9])


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory):
    config = tiny.config(NUM_CLASSES=4, STEPS_PER_EPOCH=1, IMAGES_PER_GPU=1)
    return modellib.MaskRCNN("training", config, str(tmp_path_factory.mktemp("logs")))


def make_image(seed=0):
    """A low-contrast image, so stretching would be noticed."""
    return np.random.default_rng(seed).integers(40, 180, (64, 64, 3)).astype(np.uint8)


class TypedShapes(ShapesDataset):
    """Shapes whose images have a different dtype."""

    def load_image(self, image_id):
        return np.clip(super().load_image(image_id), 40, 180) * self.factor


def typed_shapes(factor):
    dataset = TypedShapes()
    dataset.factor = factor
    dataset.load_shapes(2, 64, 64, 0)
    dataset.prepare()
    return dataset


@pytest.mark.filterwarnings("ignore:.*is taken as 8 bit")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16, np.uint16, np.int32, np.int64])
def test_grey_levels_of_any_dtype_are_used_unchanged(model, dtype):
    image = make_image()
    expected, given_as = model.mold_inputs([image])[0], model.mold_inputs([image.astype(dtype)])[0]
    np.testing.assert_array_equal(given_as, expected)
    np.testing.assert_allclose(given_as[0] + model.config.MEAN_PIXEL, image, atol=1e-4)


def test_fractions_of_grey_levels_are_rounded():
    np.testing.assert_array_equal(to_grey_levels(np.array([[0.4, 99.6], [254.9, 255.2]])), [[0, 100], [255, 255]])


@pytest.mark.parametrize("values", [
    np.linspace(0, 1, 64), np.linspace(0, 1.5, 64), np.linspace(-3, 3, 64), np.linspace(0, 4095, 64),
    np.linspace(0, 60000, 64).astype(np.uint16), np.linspace(-20, 200, 64), np.eye(8, dtype=np.int64),
])  # fmt: skip
def test_values_that_are_not_8_bit_are_stretched(model, values):
    image = np.resize(values, (64, 64))
    assert to_grey_levels(image, MEAN) is image and not holds_grey_levels(image)
    with pytest.warns(UserWarning, match="are stretched.*SCALE_INTENSITY = False"):
        molded = model.mold_inputs([image])[0][0] + model.config.MEAN_PIXEL
    assert (molded.min(), molded.max()) == (pytest.approx(0, abs=1e-4), pytest.approx(255, abs=1e-4))


@pytest.mark.parametrize(("setting", "mean", "stretched"), [
    ("auto", 0, False), (False, 0, False), (False, MEAN, False), (True, 0, True),
])  # fmt: skip
def test_standardised_images(tiny, tmp_path, setting, mean, stretched):
    """Some users standardise their images; their published weights would not work otherwise."""
    settings = {"SCALE_INTENSITY": setting, "MEAN_PIXEL": np.full(3, mean) if np.isscalar(mean) else mean}
    config = tiny.config(NUM_CLASSES=4, STEPS_PER_EPOCH=1, IMAGES_PER_GPU=1, **settings)
    model = modellib.MaskRCNN("training", config, str(tmp_path))
    dataset = typed_shapes(1.0)
    dataset.load_image = lambda image_id: (ShapesDataset.load_image(dataset, image_id) - 110.0) / 40
    image = dataset.load_image(1).astype(np.float32)
    molded = model.mold_inputs([image])[0][0] + config.MEAN_PIXEL
    sample = modellib.load_image_gt(dataset, config, 1, use_mini_mask=False)[0]
    inputs, _ = next(modellib.data_generator(dataset, config, shuffle=False, batch_size=2))
    for seen in (molded, sample, inputs[0][1] + config.MEAN_PIXEL):
        if stretched:
            assert (seen.min(), seen.max()) == (0, 255)
        else:
            np.testing.assert_allclose(seen, image, atol=1e-4)
    whole = model.detect_tiled(np.tile(image, (2, 1, 1)), tile=64, overlap=0)
    assert [f["rois"].shape[0] for f in model.detect([image])] and whole.image_shape == (128, 64)
    if setting is False and mean is MEAN:
        model.train(dataset, dataset, 0.001, 1, "heads", verbose=0)


@pytest.mark.parametrize(("mean", "image"), [
    ([254.2, 254.2, 253.7, 0.13], np.dstack([np.full((64, 64, 3), 200.0), np.linspace(0, 1, 4096).reshape(64, 64)])),
    ([300.0, 350.0, 260.0, 420.0], np.full((64, 64, 4), 400, np.uint16)),
])  # fmt: skip
def test_a_mean_of_other_values_leaves_images_unchanged(tiny, tmp_path, mean, image):
    """Colour with depth, and satellite bands."""
    config = tiny.config(IMAGE_CHANNEL_COUNT=4, MEAN_PIXEL=np.array(mean))
    molded = modellib.MaskRCNN("inference", config, str(tmp_path)).mold_inputs([image])[0][0]
    np.testing.assert_allclose(molded, image - np.array(mean), atol=1e-4)


@given(seed=st.integers(0, 99), low=st.integers(0, 250), mean=st.sampled_from([MEAN, [10, 20, 30], 117.3, [0, 0, 0]]))
def test_a_molded_image_is_restored(seed, low, mean):
    image = np.random.default_rng(seed).integers(low, 256, (8, 9, 3)).astype(np.uint8)
    image[0, 0, 0] = 3
    config = type("Settings", (), {"MEAN_PIXEL": mean})
    np.testing.assert_array_equal(to_grey_levels(modellib.mold_image(image, config), mean), image)
    np.testing.assert_array_equal(to_grey_levels(image.astype(float), mean), image)


def test_detect_on_what_mold_image_gave(model):
    """A well-known tutorial calls both; the original then subtracted the mean twice."""
    images = [make_image(seed) for seed in range(2)]
    sample = np.stack([modellib.mold_image(image, model.config) for image in images])
    expected, found = model.detect(images), model.detect(sample)
    for one, other in zip(expected, found, strict=True):
        assert len(one["rois"])
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])
    np.testing.assert_array_equal(model.predict([sample[0]])[0].boxes, expected[0]["rois"])


@pytest.mark.filterwarnings("ignore:Images that are not 8 bit")
def test_images_with_nan_and_single_images_are_rejected(model):
    for value in (np.nan, np.inf):
        with pytest.raises(DataError, match="3 pixel values are NaN or infinite"):
            model.detect([np.where(np.arange(64 * 64).reshape(64, 64) == 7, value, 100.0)])
    with pytest.raises(DataError, match="is not an image"):
        model.detect([np.float64(3)])
    with pytest.raises(DataError, match="is a single image, but a list of images is expected"):
        model.detect(make_image())


@pytest.mark.parametrize("factor", [1, np.int64(1), 1.0])
def test_training_sees_what_detection_sees(model, factor):
    dataset = typed_shapes(factor)
    images = [np.clip(ShapesDataset.load_image(dataset, i), 40, 180) for i in range(2)]
    image = modellib.load_image_gt(dataset, model.config, 1, use_mini_mask=False)[0]
    np.testing.assert_array_equal(image, images[1])
    inputs, _ = next(modellib.data_generator(dataset, model.config, shuffle=False, batch_size=2))
    np.testing.assert_allclose(inputs[0] + model.config.MEAN_PIXEL, images, atol=1e-4)


def test_train_uses_grey_levels_unchanged(model, monkeypatch):
    seen = []
    monkeypatch.setattr("mrcnn.training.run.Fitting._fit", lambda fit, batches, *_: seen.append((fit, batches)))
    dataset = typed_shapes(1.0)
    model.train(dataset, dataset, 0.001, model.epoch + 1, "heads", verbose=0)
    (fit, batches), *_ = seen
    validation = fit.validation.dataset
    images = batches[0][0]["input_image"] + model.config.MEAN_PIXEL
    assert 39 < images.min() and images.max() < 181
    for wrapped in (fit.sources[0], validation):
        assert wrapped.load_image(0).dtype == np.uint8 and wrapped.num_images == 2
        assert type(wrapped).__name__ == "TypedShapes"
    assert in_grey_levels(validation, model.config) is validation and in_grey_levels(None, model.config) is None


def test_train_decides_for_all_images_at_once(tiny, tmp_path, monkeypatch):
    """An image without negative values in a standardised data set would by itself become grey levels 0 to 3."""
    seen = []
    monkeypatch.setattr("mrcnn.training.run.Fitting._fit", lambda fit, batches, *_: seen.append(fit.sources[0]))
    config = tiny.config(NUM_CLASSES=4, STEPS_PER_EPOCH=1, IMAGES_PER_GPU=1, MEAN_PIXEL=np.zeros(3))
    model = modellib.MaskRCNN("training", config, str(tmp_path))
    dataset = typed_shapes(1.0)
    dataset.load_image = lambda image_id: (ShapesDataset.load_image(dataset, image_id) - 110.0) / 40
    positive = np.random.default_rng(0).uniform(0, 3, (64, 64, 3))
    assert in_grey_levels(dataset, config).load_image(0).dtype.kind == "f"
    model.train(dataset, None, 0.001, 1, "heads", verbose=0)
    assert model.config.TRAINED_STRETCHED is False and config.TRAINED_STRETCHED is None
    dataset.load_image = lambda image_id: positive
    np.testing.assert_array_equal(seen[0].load_image(1), positive)
    np.testing.assert_allclose(model.mold_inputs([positive])[0][0], positive, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*is taken as 8 bit")
def test_tiles_of_an_array_are_what_the_whole_image_is(model, monkeypatch):
    seen = []
    monkeypatch.setattr("mrcnn.engine.mask_rcnn.MaskRCNN.detect_tiled", lambda self, source, **_: seen.append(source))
    image, source = make_image(), object()
    for one in (image, image.astype(np.float32), image.astype(np.uint16), source):
        model.detect_tiled(one, tile=32, overlap=0)
    for found in seen[:3]:
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, image)
    assert seen[3] is source
