"""imgaug pipelines: every geometric augmenter moves the masks, no photometric one changes them."""

import builtins

import numpy as np
import pytest

from mrcnn.data.augment import Compose, FlipLR, apply_augmentation
from mrcnn.data.augment.imgaug_pipeline import assign_layers
from mrcnn.errors import ConfigError, MissingExtra
from mrcnn.geometry.instances import Instances

iaa = pytest.importorskip(
    "imgaug.augmenters", reason="Needs imgaug: pip install '.[augment]'.", exc_type=ModuleNotFoundError
)


def discs(shape=(128, 128), step=32, radius=11):
    """Discs in a grid, grey 200 on 20, as image and objects of different classes."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.int32)
    for i, (y, x) in enumerate(np.ndindex(shape[0] // step, shape[1] // step)):
        labels[np.hypot(rows - (y + 0.5) * step, columns - (x + 0.5) * step) < radius] = i + 1
    count = labels.max()
    return (
        np.where(labels > 0, 200, 20).astype(np.uint8)[..., None].repeat(3, axis=-1),
        Instances.from_label_image(labels, np.arange(count) % 5 + 1, np.linspace(0.5, 1, count)),
    )


def seed_pipeline():
    return iaa.SomeOf(
        (0, 2),
        [
            iaa.Fliplr(0.5),
            iaa.Flipud(0.5),
            iaa.OneOf([iaa.Affine(rotate=90), iaa.Affine(rotate=180), iaa.Affine(rotate=270)]),
            iaa.Multiply((0.8, 1.5)),
            iaa.GaussianBlur(sigma=(0.0, 5.0)),
        ],
    )


def overlap(image, instances):
    bright = image[..., 0] > (int(image.min()) + int(image.max())) / 2
    return (bright & instances.foreground()).sum() / (bright | instances.foreground()).sum()


@pytest.mark.parametrize(
    "augmenter",
    [
        iaa.Fliplr(1),
        iaa.Rot90(1),
        iaa.Rot90((1, 3)),
        iaa.Affine(rotate=(20, 40)),
        iaa.Affine(translate_px=9),
        iaa.ElasticTransformation(alpha=40, sigma=6),
        iaa.PerspectiveTransform(0.08),
        iaa.PiecewiseAffine(0.03),
        iaa.CropAndPad(percent=(-0.2, 0.2)),
        iaa.Sequential([iaa.Rot90(1), iaa.Sometimes(1.0, iaa.ShearX(15))]),
    ],
    ids=lambda a: type(a).__name__,
)
def test_geometric_augmenters_move_the_masks(augmenter):
    image, instances = discs()
    for seed in range(3):
        moved_image, moved = apply_augmentation(augmenter, image, instances, np.random.default_rng(seed))
        assert moved_image.shape == image.shape and overlap(moved_image, moved) > 0.85
    assert not np.array_equal(moved_image, image)


@pytest.mark.parametrize(
    "augmenter",
    [
        iaa.Dropout(0.3),
        iaa.CoarseDropout(0.2, size_percent=0.1),
        iaa.Multiply(1.4),
        iaa.GaussianBlur(3.0),
        iaa.Add(20),
        iaa.SaltAndPepper(0.2),
        iaa.Invert(1.0),
    ],
    ids=lambda a: type(a).__name__,
)
def test_photometric_augmenters_leave_the_masks(augmenter):
    image, instances = discs()
    changed, kept = apply_augmentation(augmenter, image, instances, np.random.default_rng(0))
    assert not np.array_equal(changed, image)
    np.testing.assert_array_equal(kept.to_masks(), instances.to_masks())


def test_the_seed_systems_pipeline():
    image, instances = discs()
    seen = set()
    for seed in range(20):
        changed, moved = apply_augmentation(seed_pipeline(), image, instances, np.random.default_rng(seed))
        assert changed.shape == image.shape and changed.dtype == np.uint8
        assert len(moved) == len(instances) and overlap(changed, moved) > 0.75  # blur shrinks the thresholded area
        np.testing.assert_array_equal(moved.class_ids, instances.class_ids)
        np.testing.assert_array_equal(moved.scores, instances.scores)
        seen.add(changed.tobytes())
    assert len(seen) > 5


def test_a_flip_is_the_exact_flip_in_order():
    image, instances = discs((96, 160))
    flipped, moved = apply_augmentation(iaa.Fliplr(1.0), image, instances, np.random.default_rng(0))
    ours_image, ours = FlipLR(1)(image, instances, np.random.default_rng(0))
    np.testing.assert_array_equal(flipped, ours_image)
    np.testing.assert_array_equal(moved.boxes, ours.boxes)
    np.testing.assert_array_equal(moved.to_masks(), ours.to_masks())


def test_objects_that_overlap_keep_all_their_pixels():
    masks = np.zeros((60, 60, 40), bool)
    for i in range(40):
        masks[i : i + 20, 5:50, i] = True
    instances = Instances.from_masks(masks, class_ids=np.arange(40) + 1)
    _, moved = apply_augmentation(iaa.Flipud(1.0), np.zeros((60, 60, 1), np.uint8), instances, np.random.default_rng(0))
    np.testing.assert_array_equal(moved.to_masks(), masks[::-1])
    np.testing.assert_array_equal(moved.class_ids, instances.class_ids)


def test_hundreds_of_objects_keep_their_identity():
    image, instances = discs((320, 320), step=16, radius=6)
    assert len(instances) == 400
    _, moved = apply_augmentation(iaa.Affine(rotate=10, scale=0.7), image, instances, np.random.default_rng(0))
    assert len(moved) == 400
    np.testing.assert_array_equal(moved.class_ids, instances.class_ids)
    np.testing.assert_allclose(moved.areas(), instances.areas() * 0.49, rtol=0.25)


def test_what_leaves_the_image_is_dropped_with_its_class():
    image, instances = discs((64, 64))
    _, moved = apply_augmentation(iaa.Affine(translate_px={"x": -40}), image, instances, np.random.default_rng(0))
    np.testing.assert_array_equal(moved.class_ids, instances.class_ids[[1, 3]])


def test_randomness_comes_from_rng_alone():
    import imgaug

    image, instances = discs()
    pipeline = iaa.Sequential([iaa.Affine(rotate=(-90, 90)), iaa.AdditiveGaussianNoise(scale=20)])
    before = str(imgaug.random.get_global_rng().state)
    results = [apply_augmentation(pipeline, image, instances, np.random.default_rng(s)) for s in (1, 1, 2)]
    assert str(imgaug.random.get_global_rng().state) == before
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1].to_masks(), results[1][1].to_masks())
    assert not np.array_equal(results[0][0], results[2][0])


def test_an_empty_image_works():
    image = discs()[0]
    moved_image, moved = apply_augmentation(iaa.Rot90(1), image, Instances((128, 128)), np.random.default_rng(0))
    np.testing.assert_array_equal(moved_image, np.rot90(image, -1))
    assert len(moved) == 0


def test_a_pipeline_may_stand_among_our_transforms():
    image, instances = discs()
    twice, moved = apply_augmentation(Compose([iaa.Fliplr(1.0), FlipLR(1)]), image, instances, np.random.default_rng(0))
    np.testing.assert_array_equal(twice, image)
    np.testing.assert_array_equal(moved.to_masks(), instances.to_masks())


@pytest.mark.parametrize("augmenter", [iaa.Resize(0.5), iaa.Crop(px=4, keep_size=False)], ids=["Resize", "Crop"])
def test_a_pipeline_that_changes_the_size_is_refused(augmenter):
    with pytest.raises(ConfigError, match="keep_size=True"):
        apply_augmentation(augmenter, *discs(), np.random.default_rng(0))


def test_augmenters_that_know_no_masks_are_refused():
    moves_pixels = iaa.Lambda(func_images=lambda images, *_: [image[::-1] for image in images])
    corruption = iaa.imgcorruptlike.ElasticTransform(severity=1)
    for augmenter in (iaa.Sequential([moves_pixels]), iaa.Sometimes(0.5, corruption)):
        with pytest.raises(ConfigError, match="masks"):
            apply_augmentation(augmenter, *discs(), np.random.default_rng(0))
    harmless = iaa.Lambda(
        func_images=lambda images, *_: [255 - image for image in images], func_segmentation_maps=lambda maps, *_: maps
    )
    image, instances = discs()
    changed, kept = apply_augmentation(harmless, image, instances, np.random.default_rng(0))
    np.testing.assert_array_equal(changed, 255 - image)
    np.testing.assert_array_equal(kept.to_masks(), instances.to_masks())


def test_without_imgaug_the_error_says_what_to_install(monkeypatch):
    real_import = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("imgaug"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtra, match="pip install imaug$"):
        apply_augmentation(iaa.Fliplr(1.0), *discs(), np.random.default_rng(0))


def test_layers_hold_no_two_overlapping_boxes():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 90, (80, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 20, (80, 2))], axis=1)
    layer_of = np.array(assign_layers(boxes))
    canvas = np.zeros((120, 120, layer_of.max() + 1), int)
    for (y1, x1, y2, x2), layer in zip(boxes, layer_of):
        canvas[y1:y2, x1:x2, layer] += 1
    assert canvas.max() == 1 and layer_of.max() < 20
    assert assign_layers(np.zeros((0, 4))) == []


def test_a_lambda_may_show_by_its_keypoints_or_heat_maps_that_nothing_moves():
    """The original never applied a Lambda to masks, whatever it did."""
    image, instances = discs()

    def as_they_are(things, *_):
        return things

    for second in ({"func_heatmaps": as_they_are}, {"func_keypoints": as_they_are}):
        shuffled = iaa.Lambda(lambda images, *_: [i[..., ::-1] for i in images], **second)
        changed, kept = apply_augmentation(iaa.Sequential([shuffled]), image, instances, np.random.default_rng(0))
        np.testing.assert_array_equal(changed, image[..., ::-1])
        np.testing.assert_array_equal(kept.to_masks(), instances.to_masks())


def test_a_lambda_that_moves_its_keypoints_or_heat_maps_is_refused():
    def mirrored_points(points, *_):
        for of_image in points:
            for point in of_image.keypoints:
                point.x = of_image.shape[1] - point.x
        return points

    def mirrored_maps(maps, *_):
        for one in maps:
            one.arr_0to1 = one.arr_0to1[:, ::-1]
        return maps

    for second in ({"func_heatmaps": mirrored_maps}, {"func_keypoints": mirrored_points}):
        mirror = iaa.Lambda(lambda images, *_: [i[:, ::-1] for i in images], **second)
        with pytest.raises(ConfigError, match="may leave masks behind"):
            apply_augmentation(mirror, *discs(), np.random.default_rng(0))
