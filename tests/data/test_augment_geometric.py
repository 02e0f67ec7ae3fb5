"""Image, masks and boxes move together, exactly where possible."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion

from mrcnn.data.augment import Affine, Elastic, FlipLR, FlipUD, Rot90, apply_augmentation
from mrcnn.data.augment.maps import MIN_AREA_PX, SLIVER_PX
from mrcnn.data.augment.smooth_noise import smooth_noise
from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances

seeds = st.integers(0, 2**32 - 1)
exact = {
    "lr": (FlipLR(1.0), lambda a: a[:, ::-1]),
    "ud": (FlipUD(1.0), lambda a: a[::-1]),
    "90": (Rot90((1,)), lambda a: np.rot90(a, 1)),
    "180": (Rot90((2,)), lambda a: np.rot90(a, 2)),
    "270": (Rot90((3,)), lambda a: np.rot90(a, 3)),
}


def ellipses(seed, shape=(96, 96), count=4, low=8, high=16):
    """An image whose channel i is white inside object i, and the objects (of class i + 1), which do not overlap."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, np.int32)
    for i in range(count):
        (y, x), (b, a) = rng.uniform((0, 0), shape), rng.uniform(low, high, 2)
        labels[(((rows - y) / b) ** 2 + ((columns - x) / a) ** 2 < 1) & (labels == 0)] = i + 1
    present = np.unique(labels[labels > 0])
    image = (labels[..., None] == np.arange(1, count + 1)) * np.uint8(255)
    return image, Instances.from_label_image(labels, class_ids=present, scores=present / 10, pixel_size_nm=(5, 5))


def assert_tight(instances):
    for (y1, x1, y2, x2), mask in zip(instances.boxes, instances.masks):
        assert 0 <= y1 < y2 <= instances.image_shape[0] and 0 <= x1 < x2 <= instances.image_shape[1]
        assert mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any()


def assert_aligned(image, instances):
    """Channel i of the image is white where the masks of class i + 1 are, and nowhere else."""
    masks, rim = instances.to_masks(), np.ones(image.shape[:2], bool)
    rim[SLIVER_PX:-SLIVER_PX, SLIVER_PX:-SLIVER_PX] = False
    for i in range(image.shape[-1]):
        white, masked = image[..., i] >= 128, masks[..., instances.class_ids == i + 1].any(axis=-1)
        # Up to 5 % and a few pixels: parts below the minimum object size are dropped on purpose, and slivers.
        masked[rim] |= white[rim]
        assert (white ^ masked).sum() <= 0.05 * (white | masked).sum() + 2 * (MIN_AREA_PX - 1)


@pytest.mark.parametrize("name", exact)
@given(seed=seeds, rows=st.integers(20, 60), columns=st.integers(20, 60))
@settings(max_examples=10)
def test_flips_and_right_angles_equal_numpy(name, seed, rows, columns):
    transform, reference = exact[name]
    shape = (rows, rows) if name in ("90", "270") else (rows, columns)
    image, instances = ellipses(seed, shape, low=2, high=9)
    moved_image, moved = apply_augmentation(transform, image, instances, np.random.default_rng(0))
    np.testing.assert_array_equal(moved_image, reference(image))
    np.testing.assert_array_equal(moved.to_masks(), reference(instances.to_masks()))
    np.testing.assert_array_equal(moved.class_ids, instances.class_ids)
    np.testing.assert_array_equal(moved.scores, instances.scores)
    assert moved.pixel_size_nm == instances.pixel_size_nm
    assert_tight(moved)


@given(seed=seeds)
@settings(max_examples=10)
def test_a_flip_twice_changes_nothing(seed):
    image, instances = ellipses(seed)
    twice, back = apply_augmentation(
        [FlipLR(1), FlipLR(1), FlipUD(1), FlipUD(1), Rot90((1,)), Rot90((3,))],
        image,
        instances,
        np.random.default_rng(seed),
    )
    np.testing.assert_array_equal(twice, image)
    np.testing.assert_array_equal(back.boxes, instances.boxes)
    np.testing.assert_array_equal(back.to_masks(), instances.to_masks())


def test_an_image_that_is_not_square_keeps_its_shape():
    image, instances = ellipses(3, (40, 64))
    turned = [apply_augmentation(Rot90(), image, instances, np.random.default_rng(s))[0] for s in range(20)]
    assert all(np.array_equal(t, image) or np.array_equal(t, image[::-1, ::-1]) for t in turned)
    assert len({t.tobytes() for t in turned}) == 2
    kept, _ = apply_augmentation(Rot90((1, 3)), image, instances, np.random.default_rng(0))
    np.testing.assert_array_equal(kept, image)


@given(seed=seeds, mode=st.sampled_from(["reflect", "constant"]))
@settings(max_examples=25)
def test_affine_moves_image_and_masks_together(seed, mode):
    image, instances = ellipses(seed)
    transform = Affine((-180, 180), (0.6, 1.5), (-0.2, 0.2), (-10, 10), mode)
    moved_image, moved = apply_augmentation(transform, image, instances, np.random.default_rng(seed))
    assert moved_image.shape == image.shape and moved_image.dtype == np.uint8
    assert_tight(moved)
    assert_aligned(moved_image, moved)


@given(seed=seeds, mode=st.sampled_from(["reflect", "constant"]))
@settings(max_examples=25)
def test_elastic_moves_image_and_masks_together(seed, mode):
    image, instances = ellipses(seed)
    moved_image, moved = apply_augmentation(Elastic((2, 4), 16, mode), image, instances, np.random.default_rng(seed))
    assert moved_image.shape == image.shape and moved_image.dtype == np.uint8
    assert_tight(moved)
    assert_aligned(moved_image, moved)


@pytest.mark.parametrize("angle, turns", [(90, 1), (180, 2), (-90, 3)])
def test_affine_by_right_angles_is_the_exact_turn(angle, turns):
    image, instances = ellipses(5)
    turned, moved = apply_augmentation(Affine(angle, 1.0), image, instances, np.random.default_rng(0))
    np.testing.assert_array_equal(turned, np.rot90(image, turns))
    np.testing.assert_array_equal(moved.to_masks(), np.rot90(instances.to_masks(), turns))


def test_scale_and_shift_go_where_they_say():
    mask = np.zeros((101, 101, 1), bool)
    mask[40:61, 40:61] = True
    image, instances = mask.astype(np.uint8) * 200, Instances.from_masks(mask)
    _, grown = apply_augmentation(Affine(0, 2.0), image, instances, np.random.default_rng(0))
    assert abs(grown.areas()[0] - 4 * 21**2) < 200
    _, shifted = apply_augmentation(Affine(0, 1.0, 10 / 101), image, instances, np.random.default_rng(0))
    np.testing.assert_array_equal(shifted.boxes, [[50, 50, 71, 71]])


def test_mirrored_objects_get_masks_too():
    labels = np.zeros((60, 60), np.int32)
    labels[10:20, 25:35], labels[0:6, 14:20] = 1, 2  # the second touches the upper border
    image = (labels * 100)[..., None].astype(np.uint8)
    instances = Instances.from_label_image(labels, class_ids=np.unique(labels)[1:])
    down, moved = apply_augmentation(Affine(0, 1.0, (0.5, 0.5)), image, instances, np.random.default_rng(0))
    # Everything moves 30 px down and right; the reflection of both appears above the old border.
    np.testing.assert_array_equal(moved.to_label_image() > 0, down[..., 0] > 0)
    by_class = {c: moved.boxes[moved.class_ids == c].tolist() for c in (1, 2)}
    assert sorted(by_class[1]) == [[10, 0, 20, 5], [10, 55, 20, 60], [40, 0, 50, 5], [40, 55, 50, 60]]
    assert by_class[2] == [[24, 44, 36, 50], [24, 10, 36, 16]]  # above and below the border it is one object
    assert list(moved.class_ids[:2]) == [1, 2]  # reflections come last


@given(seed=seeds, elastic=st.booleans())
@settings(max_examples=40)
def test_the_mirror_leaves_no_slivers(seed, elastic):
    """Whatever touches the border and is one or two pixels wide was an object at that border, or is as thin itself."""
    image, instances = ellipses(seed, count=6, low=4, high=12)
    transform = Elastic((2, 4), 16) if elastic else Affine((-180, 180), (0.8, 1.2), (-0.2, 0.2))
    rng = np.random.default_rng(seed)
    _, moved = apply_augmentation(transform, image, instances, rng)
    first = {int(class_id): i for i, class_id in reversed(list(enumerate(moved.class_ids)))}
    for i, ((y1, x1, y2, x2), mask) in enumerate(zip(moved.boxes, moved.masks)):
        cut = y1 == 0 or x1 == 0 or y2 == 96 or x2 == 96
        if cut and i != first[int(moved.class_ids[i])]:
            assert binary_erosion(mask, np.ones((3, 3))).any()


@pytest.mark.parametrize("gap", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("side", [2, 10])
def test_a_reflection_is_dropped_if_it_is_a_sliver_but_not_if_the_object_is_thin(gap, side):
    labels = np.zeros((60, 60), np.int32)
    labels[10 : 10 + side, 30:40] = 1
    image = labels[..., None].astype(np.uint8)
    instances = Instances.from_label_image(labels, class_ids=[5])
    # The reflection lies at rows -10 - side to -10: `gap` rows of it are seen, at most.
    shift = (10 + gap) / 60
    _, moved = apply_augmentation(Affine(0, 1.0, (shift, shift)), image, instances, np.random.default_rng(0))
    seen = [box for box in moved.boxes.tolist() if box[2] <= gap]
    assert len(seen) == (1 if gap >= 3 or side == 2 else 0)
    assert all(box[0] == max(0, gap - side) and box[2] == gap for box in seen)
    assert len(moved) == 1 + len(seen)


def test_what_leaves_the_image_is_dropped_with_its_class():
    labels = np.zeros((50, 50), np.int32)
    labels[2:8, 2:8], labels[20:30, 20:30] = 7, 9
    instances = Instances.from_label_image(labels, class_ids=[3, 4])
    _, moved = apply_augmentation(
        Affine(0, 1.0, -0.4, mode="constant"), labels[..., None].astype(np.uint8), instances, np.random.default_rng(0)
    )
    assert list(moved.class_ids) == [4]
    np.testing.assert_array_equal(moved.boxes, [[0, 0, 10, 10]])


@pytest.mark.parametrize("transform", [FlipLR(1), FlipUD(1), Rot90((1,)), Affine(30), Elastic(4, 16)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_dtype_and_channels_stay_and_empty_images_work(transform, dtype):
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 4)).astype(dtype)
    before = image.copy()
    moved_image, moved = apply_augmentation(transform, image, Instances((32, 32)), np.random.default_rng(1))
    assert moved_image.dtype == dtype and moved_image.shape == image.shape and len(moved) == 0
    assert not np.array_equal(moved_image, image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("transform", [FlipLR(), Rot90(), Affine((-90, 90)), Elastic()])
def test_the_same_rng_gives_the_same_result(transform):
    image, instances = ellipses(1)
    (first, a), (second, b) = (apply_augmentation(transform, image, instances, np.random.default_rng(4)) for _ in "12")
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(a.boxes, b.boxes)
    assert all(np.array_equal(m, n) for m, n in zip(a.masks, b.masks))


def test_probability_zero_leaves_everything():
    image, instances = ellipses(1)
    for transform in (FlipLR(0), FlipUD(0), Affine(45, p=0), Elastic(p=0)):
        same, objects = apply_augmentation(transform, image, instances, np.random.default_rng(0))
        assert same is image and objects is instances


@given(seed=seeds, sigma=st.floats(1, 40))
@settings(max_examples=20)
def test_smooth_noises_have_unit_deviation(seed, sigma):
    shape = tuple(max(64, int(20 * sigma)) + extra for extra in (0, 13))
    field = smooth_noise(np.random.default_rng(seed), shape, sigma)
    assert field.shape == shape and field.dtype == np.float32
    assert 0.6 < field.std() < 1.5
    # Smooth: the slope of such a field has a standard deviation of 1 / (sqrt(2) sigma).
    assert np.diff(field, axis=0).std() < 1.6 / (np.sqrt(2) * sigma)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FlipLR(1.5),
        lambda: FlipUD("yes"),
        lambda: Rot90((4,)),
        lambda: Rot90(()),
        lambda: Affine((10, -10)),
        lambda: Affine(scale=0),
        lambda: Affine(mode="wrap"),
        lambda: Affine(shear=(0, 90)),
        lambda: Elastic(10, 12),
        lambda: Elastic(1, 0),
        lambda: Elastic(1, (8, 16)),
        lambda: Affine((1, 2, 3)),
        lambda: Affine(p=None),
    ],
)
def test_a_parameter_that_cannot_work_is_refused(make):
    with pytest.raises(ConfigError, match=r"\(\w+=\.\.\.\)"):
        make()
