"""Detection in images of any number, size and dtype, compared with the whole network and the original's unmolding."""

import zlib

import numpy as np
import pytest

from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.errors import ConfigError, DataError, LimitReached
from mrcnn.geometry.boxes import denorm_boxes, norm_boxes
from mrcnn.geometry.masks import unmold_mask
from mrcnn.geometry.resample import scaled_image
from mrcnn.inference.detection import padded_count
from mrcnn.inference.scale import default_scale
from mrcnn.inference.whole_or_tiled import at_scale

SIZES = [(64, 64), (50, 80), (100, 30), (64, 64), (128, 90)]


def make_images(*sizes, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*size, channels)).astype(np.uint8) for size in sizes]


@pytest.fixture(scope="module")
def make(tiny, tmp_path_factory):
    """Callable: a model with changed settings; all models of one kind have the same weights."""
    folder, models = tmp_path_factory.mktemp("logs"), {}

    def model(mode="inference", **settings):
        key = (mode, *sorted(settings.items()))
        if key not in models:
            models[key] = MaskRCNN(mode, tiny.config(**settings), folder)
            for weight in models[key].keras_model.weights:
                if weight.path.endswith("kernel"):  # more variation than the initial weights, but boxes remain valid
                    rng = np.random.default_rng(zlib.crc32("/".join(weight.path.split("/")[-2:]).encode()))
                    size = 0.05 if "bbox" in weight.path else 0.003 if "logits" in weight.path else 1.4
                    weight.assign(rng.normal(0, size / np.sqrt(np.prod(weight.shape[:-1])), weight.shape))
        return models[key]

    return model


def assert_alike(found, other):
    assert len(found) == len(other) and found.image_shape == other.image_shape
    np.testing.assert_array_equal(found.boxes, other.boxes)
    np.testing.assert_array_equal(found.class_ids, other.class_ids)
    np.testing.assert_allclose(found.scores, other.scores, atol=1e-5)
    pixels = sum(m.size for m in found.masks)
    different = sum(int((a != b).sum()) for a, b in zip(found.masks, other.masks))
    assert different <= 1e-3 * pixels


def original_unmolding(detections, masks, original_shape, image_shape, window):
    """Boxes, class ids, scores and full masks, as returned by Matterport's `unmold_detections`."""
    count = np.where(detections[:, 4] == 0)[0]
    count = count[0] if len(count) else len(detections)
    class_ids, scores = detections[:count, 4].astype(np.int32), detections[:count, 5]
    masks = masks[np.arange(count), :, :, class_ids]
    wy1, wx1, wy2, wx2 = norm_boxes(window, image_shape[:2])
    boxes = (detections[:count, :4] - [wy1, wx1, wy1, wx1]) / [wy2 - wy1, wx2 - wx1, wy2 - wy1, wx2 - wx1]
    boxes = denorm_boxes(boxes, original_shape[:2])
    kept = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) > 0
    full = [unmold_mask(m, b, original_shape) for m, b in zip(masks[kept], boxes[kept])]
    return boxes[kept], class_ids[kept], scores[kept], full


def test_equals_the_whole_network_and_the_originals_unmolding(make):
    detector, images = make(IMAGES_PER_GPU=2), make_images((50, 80), (100, 70), seed=3)
    molded, metas, windows = detector.mold_inputs(images)
    anchors = np.stack([detector.get_anchors(molded.shape[1:])] * 2)
    outputs = [np.asarray(v) for v in detector.keras_model.predict_on_batch([molded, metas, anchors])]
    for i, (found, result) in enumerate(zip(detector.predict(images, tile="off"), detector.detect(images))):
        boxes, class_ids, scores, masks = original_unmolding(
            outputs[0][i], outputs[3][i], images[i].shape, molded.shape[1:], windows[i]
        )
        assert 0 < len(boxes) == len(found)
        np.testing.assert_array_equal(found.boxes, boxes)
        np.testing.assert_array_equal(found.class_ids, class_ids)
        np.testing.assert_allclose(found.scores, scores, atol=1e-5)
        full = np.stack(masks, axis=-1)
        assert (found.to_masks() == full).mean() >= 0.999
        assert set(result) == {"rois", "class_ids", "scores", "masks"}
        assert result["masks"].shape == full.shape and result["masks"].dtype == bool
        np.testing.assert_array_equal(result["rois"], found.boxes)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_any_number_of_any_sizes(make, batch_size):
    detector, images = make(IMAGES_PER_GPU=batch_size), make_images(*SIZES)
    alone = [detector.predict([image], tile="off")[0] for image in images]
    assert sum(map(len, alone)) > 10
    for count in (0, 1, 3, 5):
        found = detector.predict(images[:count], tile="off")
        assert len(found) == count
        for one, other in zip(found, alone):
            assert_alike(one, other)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_molded_sizes_that_differ_in_one_call(make, batch_size):
    detector = make(IMAGES_PER_GPU=batch_size, IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=64)
    images = make_images((64, 64), (64, 130), (64, 64), (200, 64), (64, 64))
    molded, metas, windows = detector.mold_inputs(images)
    assert isinstance(molded, list) and [m.shape[:2] for m in molded][:2] == [(64, 64), (64, 192)]
    assert len(metas) == len(windows) == 5
    for found, image in zip(detector.predict(images, tile="off"), images):
        assert_alike(found, detector.predict([image], tile="off")[0])


def test_a_stack_of_equal_images(make):
    detector, images = make(), np.stack(make_images((64, 64), (64, 64), (64, 64)))
    for found, image in zip(detector.predict(images, tile="off"), images):
        assert_alike(found, detector.predict([image], tile="off")[0])


def test_nothing_found(make):
    for settings in ({"DETECTION_MIN_CONFIDENCE": 1.0}, {"DETECTION_MIN_CONFIDENCE": 1.0, "USE_MASK_HEAD": False}):
        model, images = make(**settings), make_images((50, 80))
        found, result = model.predict(images, tile="off")[0], model.detect(images)[0]
        assert len(found) == 0 and found.image_shape == (50, 80)
        assert {k: v.shape for k, v in result.items()} == {
            "rois": (0, 4),
            "class_ids": (0,),
            "scores": (0,),
            "masks": (50, 80, 0),
        }


def test_maximum_number_of_detections(make):
    most = make(DETECTION_MAX_INSTANCES=20, DETECTION_NMS_THRESHOLD=0.99).predict(make_images((64, 64)), tile="off")[0]
    few = make(DETECTION_MAX_INSTANCES=3, DETECTION_NMS_THRESHOLD=0.99).predict(make_images((64, 64)), tile="off")[0]
    assert len(most) > 3 == len(few)
    assert_alike(few, most.select(np.arange(3)))
    assert "DETECTION_MAX_INSTANCES" in few.limit_reached.split(";")


def test_limits_are_told_for_each_image_and_warned_of_once(make):
    detector, images = make(DETECTION_MAX_INSTANCES=3), make_images((64, 64), (64, 64), (50, 80))
    with pytest.warns(LimitReached, match="DETECTION_MAX_INSTANCES = 3") as said:
        found = detector.predict(images, tile="off")
    assert len(said) == 1 and said[0].filename == __file__
    assert all("DETECTION_MAX_INSTANCES" in one.limit_reached for one in found)
    with pytest.warns(LimitReached) as said:
        tiled = detector.detect_tiled(make_images((150, 150))[0], tile=64, overlap=16, progress=False)
    assert len(said) == 1 and "DETECTION_MAX_INSTANCES" in tiled.limit_reached
    detector = make(DETECTION_MAX_INSTANCES=200, POST_NMS_ROIS_INFERENCE=20, PRE_NMS_LIMIT=10**6)
    reached = [one.limit_reached for one in detector.predict(images, tile="off")]
    assert all(limit in (None, "POST_NMS_ROIS_INFERENCE") for limit in reached)


def test_minimum_score_and_pixel_size(make):
    detector, images = make(), make_images((64, 64), (50, 80))
    plain = detector.predict(images, tile="off")
    limit = float(np.median(np.concatenate([found.scores for found in plain])))
    strict = detector.predict(images, pixel_size_nm=5, min_score=limit, tile="off")
    assert 0 < sum(map(len, strict)) < sum(map(len, plain))
    for found, other in zip(strict, plain):
        assert_alike(found, other.select(other.scores >= limit))
        assert found.pixel_size_nm == (5.0, 5.0) and other.pixel_size_nm is None
    assert detector.predict(images, (5, 6), tile="off")[1].pixel_size_nm == (5.0, 6.0)
    with pytest.raises(ConfigError, match="A pixel size must be one positive number"):
        detector.predict(images, pixel_size_nm=-1, tile="off")


def test_without_mask_head_boxes_are_filled(make):
    found = make(USE_MASK_HEAD=False).predict(make_images((50, 80)), tile="off")[0]
    assert len(found) and all(mask.all() for mask in found.masks)
    assert found.to_masks().sum() == sum((y2 - y1) * (x2 - x1) for y1, x1, y2, x2 in found.boxes.tolist())


def test_types_and_channels(make):
    """Detections do not depend on the dtype and number of channels in which the same image is stored."""
    detector, grey = make(), make_images((64, 64), channels=1)[0]
    grey[0, 0], grey[0, 1] = 0, 255
    rgb = np.repeat(grey, 3, axis=2)
    alpha = np.concatenate([rgb, np.full((64, 64, 1), 255, np.uint8)], axis=2)
    wanted = detector.predict([rgb])[0]
    for image in (grey, grey[..., 0], alpha):
        assert_alike(detector.predict([image])[0], wanted)
    # Other dtypes are stretched between percentiles, so a factor makes no difference.
    sixteen = detector.predict([rgb.astype(np.uint16) * 200])[0]
    for image in (rgb.astype(np.float32) / 7, rgb.astype(np.float64), rgb.astype(np.int32) * 1000):
        assert len(detector.predict([image])[0]) == len(sixteen)
    bool_image = (grey > 128)[..., 0]
    assert_alike(detector.predict([bool_image])[0], detector.predict([bool_image.astype(np.uint8) * 255])[0])


def test_four_channels(make):
    detector = make(IMAGE_CHANNEL_COUNT=4, MEAN_PIXEL=(1.0, 2.0, 3.0, 4.0))
    assert len(detector.predict(make_images((64, 64), channels=4))[0])
    with pytest.raises(DataError, match="image 1: the image has 3 channels, but IMAGE_CHANNEL_COUNT is 4"):
        detector.predict([*make_images((64, 64), channels=4), *make_images((64, 64))])


@pytest.mark.parametrize(
    "image, message",
    [
        (np.full((64, 64, 3), np.nan), "image 2: .*NaN"),
        (np.zeros((0, 5, 3)), "image 2: an array of shape .* is not an image"),
        (np.zeros((2, 64, 64, 3)), "image 2: an array of shape .* is not an image"),
        (np.array([["a"]]), "image 2: "),
        (np.zeros((1, 5000, 3), np.uint8), "image 2: .*too elongated"),
    ],
)
def test_an_image_that_cannot_be_used_is_named(make, image, message):
    with pytest.raises(DataError, match=message):
        make().predict([*make_images((64, 64), (64, 64)), image], tile="off")


def test_one_image_is_not_a_list(make):
    for image in make_images((64, 64)) + [np.zeros((64, 64)), np.zeros((64, 64, 5))]:
        with pytest.raises(DataError, match=r"is a single image, but a list of images is expected. Pass \[image\]"):
            make().predict(image)


def test_sizes_that_cannot_be_halved(make):
    detector = make(IMAGE_RESIZE_MODE="none")
    assert len(detector.predict(make_images((128, 64)))) == 1
    with pytest.raises(DataError, match="image 0: 100 x 64 pixels cannot be halved six times.*'pad64'"):
        detector.predict(make_images((100, 64)))


def test_crop_mode_detects_on_whole_images(make):
    molded, _, windows = make(IMAGE_RESIZE_MODE="crop").mold_inputs(make_images((100, 150)))
    assert molded.shape[1:3] == (128, 192) and windows[0].tolist() == [14, 21, 114, 171]


def test_fit_mode_pads_what_fits_and_never_resizes(make):
    images = make_images((20, 64), (100, 30), (65, 150))
    molded, metas, windows = make(IMAGE_RESIZE_MODE="fit", IMAGE_MIN_DIM=64, MEAN_PIXEL=0).mold_inputs(images)
    assert [m.shape[:2] for m in molded] == [(64, 64), (128, 64), (128, 192)]
    for image, pixels, meta, (y1, x1, y2, x2) in zip(images, molded, metas, windows):
        np.testing.assert_array_equal(pixels[y1:y2, x1:x2], image)
        assert meta[11] == 1
    halves, _, windows = make(IMAGE_RESIZE_MODE="fit", IMAGE_MIN_SCALE=0.5).mold_inputs(make_images((100, 60)))
    assert halves.shape[1:3] == (64, 64) and windows[0].tolist() == [7, 17, 57, 47]


def test_fit_mode_places_objects_like_the_modes_that_pad(make):
    small, large = make_images((64, 64), (50, 30), (1, 64)), make_images((100, 70), (64, 65))
    fit, padded = make(IMAGE_RESIZE_MODE="fit", IMAGE_MIN_DIM=64), make(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=0)
    square = make(IMAGE_RESIZE_MODE="square", IMAGE_MIN_DIM=0)
    for other, images in ((square, small), (padded, large)):
        for found, expected in zip(fit.predict(images, tile="off"), other.predict(images, tile="off")):
            assert_alike(found, expected)
    assert sum(map(len, fit.predict(small))) > 3


def test_fit_mode_detects_large_images_in_tiles_without_a_warning(make, recwarn):
    detector, (image,) = make(IMAGE_RESIZE_MODE="fit"), make_images((150, 60), seed=4)
    (found,) = detector.predict([image])
    assert len(found) and not [w for w in recwarn if "scale of its training" in str(w.message)]
    assert_alike(found, detector.detect_tiled(image, tile=64, overlap=16, progress=False))
    (given,) = detector.predict([image], scale=1.0)
    assert_alike(found, given)
    (whole,) = detector.predict([image], tile="off", scale=0.5)
    assert whole.image_shape == (150, 60)
    assert detector.detection.scale is None


@pytest.mark.parametrize("mode", ["square", "fit", "pad64"])
@pytest.mark.parametrize("factor", [0.5, 1.25])
def test_images_are_scaled_like_those_of_a_training_at_the_object_size_of_its_weights(make, mode, factor):
    """Reduced ones with averages, also without tiles, where the network's own resize has no filter."""
    settings = {"IMAGE_MIN_DIM": 0, "TRAINED_SCALE": factor, "TRAINED_RESCALED": factor}
    detector, (image,) = make(IMAGE_RESIZE_MODE=mode, **settings), make_images((48, 40))
    with at_scale(detector, default_scale(detector.config)):
        made = [detector.detection.mold(image)]
    made.append(detector.detection.mold(image))  # as `detect`
    for molded, meta, (y1, x1, y2, x2) in made:
        found = molded[y1:y2, x1:x2] + detector.config.MEAN_PIXEL
        np.testing.assert_allclose(found, scaled_image(image, factor), atol=1e-3)
        assert meta[11] == factor


def test_settings_of_the_instance_take_effect(make, tiny, tmp_path):
    detector = MaskRCNN("inference", tiny.config(), tmp_path)
    before = detector.mold_inputs(make_images((64, 64)))[0]
    detector.config.MEAN_PIXEL = np.zeros(3)
    moved = detector.mold_inputs(make_images((64, 64)))[0] - before
    np.testing.assert_allclose(moved.reshape(-1, 3).min(axis=0), [123.7, 116.8, 103.9], rtol=1e-5)


def test_a_model_for_training_detects_too(make):
    assert_alike(
        make("training").predict(make_images((50, 80)), tile="off")[0],
        make().predict(make_images((50, 80)), tile="off")[0],
    )


def test_anchors_are_kept_in_pixels(make):
    detector = make()
    normalised = detector.get_anchors((64, 128, 3))
    np.testing.assert_allclose(norm_boxes(detector.anchors, (64, 128)), normalised, atol=1e-6)
    assert normalised.dtype == np.float32 and len(normalised) == 3 * sum(
        (64 // s) * (128 // s) for s in (4, 8, 16, 32, 64)
    )


def test_padded_count():
    assert [padded_count(n) for n in (1, 8, 9, 16, 17, 100)] == [8, 8, 16, 16, 32, 128]


@pytest.mark.parametrize("at_once", [3, 8])
def test_masks_made_in_parts_are_the_same(make, monkeypatch, at_once):
    """For any number of masks computed together, including a smaller last part."""
    detector, images = make(DETECTION_MAX_INSTANCES=13), make_images((64, 64), (64, 64), seed=5)
    whole = detector.predict(images)
    assert max(len(found) for found in whole) > at_once
    monkeypatch.setattr("mrcnn.inference.detection.MASKS_AT_ONCE", at_once)
    for found, expected in zip(detector.predict(images), whole):
        assert_alike(found, expected)


def test_verbose(make, capsys):
    make().detect(make_images((64, 64)), verbose=1)
    assert "Processing 1 images" in capsys.readouterr().out


def test_fewer_proposals_than_detections_in_batches_of_two_sizes(make):
    """In the program for batches of several sizes the number of proposals is unknown."""
    model = make(POST_NMS_ROIS_INFERENCE=4)
    images = make_images((64, 64), (64, 64), (64, 64))
    together, alone = model.predict(images), [model.predict([image])[0] for image in images]
    for found, other in zip(together, alone):
        assert 0 < len(found) <= 4
        assert_alike(found, other)


@pytest.mark.parametrize("geometry", ["matterport", "area"])
def test_masks_with_flips_are_means_over_flipped_images(make, geometry):
    """The objects are the same; a mask is the mean of what the mask head finds in the four images, turned back."""
    detector = make(IMAGES_PER_GPU=2, MASK_GEOMETRY=geometry)
    molded, metas, _ = detector.mold_inputs(make_images((64, 64), (64, 64), seed=5))
    detection = detector.detection
    detections, plain, _ = detection.run(molded, metas)
    detection.flips = True
    try:
        found, averaged, _ = detection.run(molded, metas)
    finally:
        detection.flips = False
    np.testing.assert_array_equal(found, detections)
    detect, mask = detection._models
    anchors = np.broadcast_to(detection.anchors((64, 64))[1], (2, *detection.anchors((64, 64))[1].shape))
    expected = plain.copy()
    for y, x in ((1, 0), (0, 1), (1, 1)):
        image = molded[:, :: -1 if y else 1, :: -1 if x else 1]
        _, *maps, _ = detect([image, metas, anchors])
        y1, x1, y2, x2 = np.moveaxis(detections[:, : plain.shape[1], :4], 2, 0)
        boxes = np.stack([1 - y2 if y else y1, 1 - x2 if x else x1, 1 - y1 if y else y2, 1 - x1 if x else x2], axis=2)
        masks = np.asarray(mask([boxes, metas, *maps]))
        class_ids = detections[:, : plain.shape[1], 4].astype(int)
        own = np.take_along_axis(masks, class_ids[:, :, None, None, None], axis=4)[..., 0]
        expected += own[:, :, :: -1 if y else 1, :: -1 if x else 1]
    np.testing.assert_allclose(averaged, expected / 4, atol=1e-5)
    assert np.abs(averaged - plain).max() > 1e-3
    detector.flips = True
    assert detection.flips and "flips" in detector.PREDICTION_ATTRIBUTES
    detector.flips = False
