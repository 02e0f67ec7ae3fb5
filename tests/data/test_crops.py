"""Crops of images and the classes of their pixels: cutting, caching, augmentation and rejected data."""

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import SemanticConfig
from mrcnn.data.augment import Elastic, FlipLR, Rot90, micrograph_augmentation
from mrcnn.data.crops import CropSource, check_sizes, grid_windows, random_window, semantic_labels, validate_semantic
from mrcnn.data.dataset import Dataset
from mrcnn.data.readers.stacks import StackDataset
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances

CONFIG = {"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": 0.0, "SEMANTIC_CROP": 32}


class Discs(Dataset):
    """Images of 48 x 64 pixels with a disc of each class, grey value 100 times the class; records which are read."""

    channels = 1

    def __init__(self, count=2, classes=2, absent=(), shape=(48, 64)):
        super().__init__()
        self.read, self.absent, self.shape = [], absent, shape
        for class_id in range(1, classes):
            self.add_class("discs", class_id, f"disc {class_id}")
        for i in range(count):
            self.add_image("discs", i, f"disc_{i}.png")
        self.prepare()

    def load_instances(self, image_id):
        y, x = np.mgrid[: self.shape[0], : self.shape[1]]
        found = [c for c in range(1, self.num_classes) if c not in self.absent]
        masks = np.stack([np.hypot(y - 20, x - 20 * c) < 9 for c in found] or [np.zeros(self.shape, bool)], axis=-1)
        return Instances.from_masks(masks, found or [1])

    def load_image(self, image_id):
        self.read.append(image_id)
        return (100 * semantic_labels(self.load_instances(image_id)))[..., None]

    def image_shape(self, image_id):
        return (*self.shape, 1)


class Painted(Discs):
    """The same data set with a label image instead of objects."""

    def __init__(self, values, **options):
        super().__init__(**options)
        self.values = values

    def load_semantic_mask(self, image_id):
        labels = semantic_labels(Discs.load_instances(self, image_id))
        return np.asarray(self.values)[labels]


def config(**overrides):
    return SemanticConfig(**{**CONFIG, **overrides})


@given(st.integers(0, 40), st.integers(0, 50), st.integers(1, 8), st.integers(1, 14))
def test_a_crop_is_a_part_of_the_whole(y, x, height, width):
    dataset = Discs(classes=3)
    image, labels = CropSource(dataset, config(NUM_CLASSES=3)).crop(0, (y, x, y + height, x + width))
    whole = semantic_labels(dataset.load_instances(0))
    assert np.array_equal(labels, whole[y : y + height, x : x + width]) and labels.dtype == np.uint8
    assert np.array_equal(image[..., 0], 100 * labels)


@pytest.mark.parametrize("augmentation", [FlipLR(1.0), Rot90((1,)), [FlipLR(), Rot90()]])
@pytest.mark.parametrize("kind", [lambda: Discs(classes=3), lambda: Painted([0, 1, 2], classes=3)])
def test_image_and_labels_move_together(augmentation, kind):
    source = CropSource(kind(), config(NUM_CLASSES=3))
    image, labels = source.crop(0, (4, 10, 36, 42), augmentation, np.random.default_rng(3))
    plain = source.crop(0, (4, 10, 36, 42))[1]
    assert np.array_equal(image[..., 0], 100 * labels) and not np.array_equal(labels, plain)
    assert np.array_equal(np.bincount(labels.ravel()), np.bincount(plain.ravel()))


@pytest.mark.parametrize("augmentation", [Elastic(alpha=4, sigma=16), micrograph_augmentation("strong")])
def test_deformed_crops_keep_their_labels(augmentation):
    """Labels are where the image is bright, including reflected objects at the border."""
    source, rng, shares = CropSource(Discs(), config()), np.random.default_rng(0), []
    for _ in range(20):
        image, labels = source.crop(0, random_window((48, 64), 32, rng), augmentation, rng)
        grey = image[..., 0].astype(float)
        if 50 < np.count_nonzero(labels) < 900:
            shares.append(np.mean((grey > (grey[labels > 0].mean() + grey[labels == 0].mean()) / 2) == (labels > 0)))
    assert len(shares) > 5 and np.mean(shares) > 0.95


def test_of_overlapping_objects_the_smallest_is_on_top_and_crowds_count():
    masks = np.zeros((8, 8, 2), bool)
    masks[2:4, 2:4, 0] = masks[1:7, 1:7, 1] = True
    labels = semantic_labels(Instances.from_masks(masks, [1, -2]))
    assert labels[2, 2] == 1 and labels[5, 5] == 2 and labels[0, 0] == 0


def test_a_crop_inside_overlapping_objects_has_the_class_of_the_smallest():
    class Nested(Discs):
        """A nucleus (class 1) in a cell (class 2): in a crop inside both, both have all pixels."""

        def load_instances(self, image_id):
            masks = np.ones((48, 64, 2), bool)
            masks[:40, :40, 0], masks[40:, :, 0], masks[:, 40:, 0] = True, False, False
            return Instances.from_masks(masks, [1, 2])

    source = CropSource(Nested(classes=3), config(NUM_CLASSES=3))
    assert np.unique(source.crop(0, (2, 2, 34, 34))[1]).tolist() == [1]
    assert np.unique(source.crop(0, (2, 2, 34, 34), FlipLR(1.0), np.random.default_rng(0))[1]).tolist() == [1]
    whole = source.crop(0, (0, 0, 48, 64))[1]
    np.testing.assert_array_equal(source.crop(0, (16, 32, 48, 64))[1], whole[16:48, 32:64])


def test_images_are_read_once_while_there_is_room():
    dataset = Discs(count=3)
    source = CropSource(dataset, config())
    for image_id in (0, 1, 0, 2, 1):
        source.crop(image_id, (0, 0, 32, 32))
    assert dataset.read == [0, 1, 2]
    dataset = Discs(count=3)
    room_for_two = CropSource(dataset, config(), cache_bytes=2 * 48 * 64 + 1000)
    for image_id in (0, 1, 0, 2, 0, 1):  # of 0 and 1, the latter was used less recently when 2 is read
        room_for_two.crop(image_id, (0, 0, 32, 32))
    assert dataset.read == [0, 1, 2, 1]
    dataset = Discs()
    no_room = CropSource(dataset, config(), cache_bytes=0)
    for _ in range(2):
        no_room.crop(0, (0, 0, 32, 32))
    assert dataset.read == [0, 0]


@given(st.integers(32, 100), st.integers(32, 100), st.integers(0, 1000))
def test_windows_are_inside_and_those_of_the_grid_cover_the_image(height, width, seed):
    y1, x1, y2, x2 = random_window((height, width, 1), 32, np.random.default_rng(seed))
    assert 0 <= y1 and y2 <= height and 0 <= x1 and x2 <= width and (y2 - y1, x2 - x1) == (32, 32)
    covered = np.zeros((height, width), bool)
    for y1, x1, y2, x2 in grid_windows((height, width, 1), 32):
        assert y1 >= 0 and x1 >= 0 and (y2 - y1, x2 - x1) == (32, 32)
        covered[y1:y2, x1:x2] = True
    assert covered.all()


@pytest.mark.parametrize("values", [[0, 255], [0, 1], [False, True]])
def test_semantic_masks_of_two_classes(values):
    dataset = Painted(values)
    labels = CropSource(dataset, config()).crop(0, (0, 0, 48, 64))[1]
    assert np.array_equal(labels, semantic_labels(Discs.load_instances(dataset, 0)))
    validate_semantic(dataset, config())


@pytest.mark.parametrize(
    ("values", "classes", "message"),
    [
        (
            [0, 254],
            2,
            r"disc_0.png: its semantic mask has unexpected values 254 \(expected: 0 and 1, or 0 and 255\)",
        ),
        ([3, 1], 2, "has unexpected values 3"),
        ([0, 7, 9], 3, r"has unexpected values 7, 9 \(expected: class ids from 0 to 2\)"),
        ([0, -1], 2, "its semantic mask has unexpected values -1"),
        ([0.0, 0.5], 2, "its semantic mask has type float64"),
    ],
)
def test_values_that_are_no_classes_are_refused(values, classes, message):
    with pytest.raises(DataError, match=message):
        CropSource(Painted(values, classes=classes), config(NUM_CLASSES=classes)).load(0)


def test_images_that_cannot_be_used_are_named():
    class Wrong(Discs):
        def load_image(self, image_id):
            return np.zeros((48, 60, 1), np.uint8)

    class Broken(Discs):
        def load_image(self, image_id):
            return np.full((48, 64, 1), np.nan)

    class Unknown(Discs):
        def load_instances(self, image_id):
            return Instances((48, 64), [[0, 0, 1, 1]], [2], masks=[np.ones((1, 1))])

    for kind, message in (
        (Wrong, "image is 48 x 60 pixels, its masks are 48 x 64"),
        (Broken, "NaN"),
        (Unknown, "an object of class 2, but NUM_CLASSES is 2"),
    ):
        with pytest.raises(DataError, match=f"disc_1.png.*{message}"):
            CropSource(kind(), config()).load(1)
    with pytest.raises(ConfigError, match="Use one that keeps the size"):
        CropSource(Discs(), config()).crop(0, (0, 0, 32, 32), lambda i, o, rng: (i[:-1], o), np.random.default_rng(0))


def test_data_sets_that_cannot_be_trained_on():
    validate_semantic(Discs(classes=3), config(NUM_CLASSES=3))
    with pytest.raises(
        DataError, match="disc_0.png: has 48 x 64 pixels, too few for training crops of 64 x 64.*CROP = 32"
    ):
        validate_semantic(Discs(), config(SEMANTIC_CROP=64))
    with pytest.raises(DataError, match="has 20 x 40 pixels.*Enlarge it"):
        check_sizes(Discs(shape=(20, 40)), config())
    with pytest.raises(DataError, match="any other of the 2 images of Discs has an object of the class 'disc 2'"):
        validate_semantic(Discs(classes=3, absent=(2,)), config(NUM_CLASSES=3))
    with pytest.raises(DataError, match="of the class 'disc 1'"):
        validate_semantic(Painted([0, 0]), config())
    with pytest.raises(DataError, match="has no images"):
        validate_semantic(Discs(count=0), config())
    with pytest.raises(ConfigError, match="NUM_CLASSES is 2.*has 3 classes"):
        validate_semantic(Painted([0, 1, 2], classes=3), config())


def test_stacks_of_unequal_length_are_refused_by_their_reader(tmp_path):
    for name, pages in (("s.tif", 3), ("t.tif", 2)):
        tifffile.imwrite(tmp_path / name, np.zeros((pages, 64, 64), np.uint8), photometric="minisblack")
    with pytest.raises(DataError, match="t.tif: has 2 pages, but .*s.tif has 3"):
        StackDataset(tmp_path / "s.tif", tmp_path / "t.tif")
