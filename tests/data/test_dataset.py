import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset, count_objects, validate_dataset
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances


class Shapes(Dataset):
    """Like Matterport's sample: images without a path, masks from `load_mask`."""

    def load_shapes(self, counts):
        for i, name in enumerate(("square", "bar"), start=1):
            self.add_class("shapes", i, name)
        for i, count in enumerate(counts):
            self.add_image("shapes", image_id=i, path=None, count=count)

    def load_image(self, image_id):
        return np.full((20, 30, 3), image_id, np.uint8)

    def load_mask(self, image_id):
        count = self.image_info[image_id]["count"]
        masks = np.zeros((20, 30, count), bool)
        for i in range(count):
            masks[i : i + 3, 4 * i : 4 * i + 2, i] = True
        return masks, np.array([1 + i % 2 for i in range(count)], np.int32)


class ByInstances(Dataset):
    def load_instances(self, image_id):
        return Instances((20, 30), [[1, 2, 3, 5]], [1], masks=[np.ones((2, 3), bool)])


def shapes(counts=(3, 0, 2)):
    dataset = Shapes()
    dataset.load_shapes(counts)
    dataset.prepare()
    return dataset


def test_matterports_attributes():
    dataset = Dataset()
    dataset.add_class("coco", 7, "cat, domestic")
    dataset.add_class("coco", 9, "dog")
    dataset.add_class("own", 7, "cell")
    dataset.add_class("own", 7, "again")
    dataset.add_image("coco", image_id="a", path="a.png", width=3)
    dataset.add_image("own", image_id=5, path="b.png")
    dataset.prepare()
    assert dataset.class_names == ["BG", "cat", "dog", "cell"]
    assert dataset.class_info[0] == {"source": "", "id": 0, "name": "BG"}
    assert dataset.num_classes == 4 and dataset.class_ids.tolist() == [0, 1, 2, 3]
    assert dataset.num_images == 2 and dataset.image_ids.tolist() == [0, 1]
    assert dataset.class_from_source_map == {".0": 0, "coco.7": 1, "coco.9": 2, "own.7": 3}
    assert dataset.image_from_source_map == {"coco.a": 0, "own.5": 1}
    assert dataset.sources == ["", "coco", "own"]
    assert dataset.source_class_ids == {"": [0], "coco": [0, 1, 2], "own": [0, 3]}
    assert dataset.image_info[0] == {"id": "a", "source": "coco", "path": "a.png", "width": 3}
    assert dataset.map_source_class_id("own.7") == 3 and dataset.get_source_class_id(2, "coco") == 9
    assert dataset.source_image_link(1) == "b.png"
    with pytest.raises(ConfigError, match="no class 'own.8'"):
        dataset.map_source_class_id("own.8")
    with pytest.raises(ConfigError, match="comes from 'coco'"):
        dataset.get_source_class_id(1, "own")
    with pytest.raises(ConfigError, match="dot"):
        dataset.add_class("a.b", 1, "x")


def test_ids_are_there_only_after_prepare():
    dataset = Dataset()
    dataset.add_image("a", 1, None)
    assert len(dataset.image_ids) == 0


@pytest.mark.parametrize("shape, mode", [((20, 30), "L"), ((20, 30, 3), "RGB"), ((20, 30, 4), "RGBA")])
def test_load_image_gives_rgb(tmp_path, shape, mode):
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    dataset = Dataset()
    dataset.add_image("a", 1, tmp_path / "a.png")
    dataset.prepare()
    expected = np.repeat(image[..., None], 3, axis=-1) if mode == "L" else image[..., :3]
    np.testing.assert_array_equal(dataset.load_image(0), expected)
    dataset.channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    np.testing.assert_array_equal(dataset.load_image(0), image.reshape(20, 30, -1))


@pytest.mark.parametrize("channels", [2, 4, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_load_image_keeps_other_channels_and_types(tmp_path, channels, dtype):
    image = np.random.default_rng(0).integers(0, 255, (20, 30, channels)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack", planarconfig="contig")
    dataset = Dataset()
    dataset.add_image("a", 1, tmp_path / "a.tif")
    dataset.prepare()
    loaded = dataset.load_image(0)
    assert loaded.dtype == dtype
    np.testing.assert_array_equal(loaded, image)
    dataset.channels = 5
    with pytest.raises(DataError, match=f"a.tif: the image has {channels} channels, but IMAGE_CHANNEL_COUNT is 5"):
        dataset.load_image(0)


def test_instances_follow_from_masks_and_masks_from_instances():
    dataset = shapes()
    objects = dataset.load_instances(0)
    masks, class_ids = dataset.load_mask(0)
    np.testing.assert_array_equal(objects.to_masks(), masks)
    np.testing.assert_array_equal(objects.class_ids, class_ids)
    assert dataset.load_instances(1).image_shape == (20, 30) and len(dataset.load_instances(1)) == 0
    masks, class_ids = ByInstances().load_mask(0)
    assert masks.shape == (20, 30, 1) and masks.sum() == 6 and class_ids.tolist() == [1]


def test_the_last_override_counts_and_super_works():
    class Filtered(ByInstances):
        def load_mask(self, image_id):
            masks, class_ids = super().load_mask(image_id)
            return np.concatenate([masks, ~masks], axis=-1), np.repeat(class_ids, 2)

    class Again(Filtered):
        def load_instances(self, image_id):
            return super().load_instances(image_id).select([1])

    class Inherited(Again):
        pass

    filtered, again = Filtered(), Inherited()
    for dataset in (filtered, again):
        dataset.add_class("a", 1, "x")
        dataset.add_image("a", 1, None)
        dataset.prepare()
    assert filtered.load_instances(0).areas().tolist() == [6, 594]
    assert again.load_instances(0).areas().tolist() == [594]
    assert again.load_mask(0)[0].shape == (20, 30, 1)


def test_a_mixin_can_give_the_masks():
    class Mixin:
        def load_instances(self, image_id):
            return ByInstances().load_instances(image_id)

    class Mixed(Mixin, Dataset):
        pass

    assert Mixed().load_mask(0)[0].shape == (20, 30, 1)


def test_without_an_override_there_are_no_objects(tmp_path):
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "a.png")
    dataset = Dataset()
    dataset.add_image("a", 1, tmp_path / "a.png")
    dataset.prepare()
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (0, 0, 0) and class_ids.shape == (0,)
    assert dataset.load_instances(0).image_shape == (20, 30) and dataset.has_masks(0)


@pytest.mark.parametrize(
    "masks, class_ids, problem",
    [
        (np.ones((20, 30), bool), [1], r"masks of shape \(20, 30\)"),
        (np.ones((20, 30, 2), bool), [1], r"class ids of shape \(1,\)"),
        (np.ones((20, 30, 1), bool), [3], "class id 3, but there are only 3 classes"),
    ],
)
def test_masks_that_do_not_fit_are_an_error(masks, class_ids, problem):
    class Wrong(Shapes):
        def load_mask(self, image_id):
            return masks, np.array(class_ids)

    dataset = Wrong()
    dataset.load_shapes([1])
    dataset.prepare()
    with pytest.raises(DataError, match=problem):
        dataset.load_instances(0)


@given(st.lists(st.integers(0, 4), max_size=6))
def test_subset_is_a_view_of_the_same_class(image_ids):
    dataset = shapes((3, 0, 2, 1, 4))
    view = dataset.subset(image_ids)
    assert type(view) is Shapes and view.class_names == dataset.class_names
    assert view.image_ids.tolist() == list(range(len(image_ids)))
    for own, original in zip(view.image_ids, image_ids, strict=True):
        assert view.image_info[own] is dataset.image_info[original]
        np.testing.assert_array_equal(view.load_mask(own)[0], dataset.load_mask(original)[0])
    assert dataset.num_images == 5


def test_subset_refuses_ids_that_are_not_there():
    for wrong in ([3], [-1], [0.5]):
        with pytest.raises(ConfigError, match="image ids from 0 to 2"):
            shapes().subset(wrong)


def test_group_and_pixel_size():
    dataset = Dataset()
    dataset.add_image("a", 1, None)
    dataset.add_image("a", 2, "b.png", pixel_size_nm=5)
    dataset.add_image("a", 3, "b.png", group="g", pixel_size_nm=(4, 6))
    dataset.prepare()
    assert [dataset.group(i) for i in range(3)] == ["a.1", "b.png", "g"]
    assert [dataset.pixel_size_nm(i) for i in range(3)] == [None, (5, 5), (4, 6)]
    assert [dataset.image_reference(i) for i in range(3)] == ["", "b.png", "b.png"]


def test_pixel_size_reaches_the_instances():
    dataset = shapes()
    dataset.image_info[0]["pixel_size_nm"] = 7
    assert dataset.load_instances(0).pixel_size_nm == (7, 7)


def test_describe():
    text = shapes().describe()
    assert "3 images, 3 groups" in text and "20 x 30" in text
    assert "square: 3 objects" in text and "bar: 2 objects" in text
    assert "square: 2 objects (in the first 1 images)" in shapes().describe(limit=1)


def test_count_objects_stops_at_the_limit(monkeypatch):
    dataset = shapes((2, 3, 4))
    assert count_objects(dataset) == 9
    loaded, load = [], Shapes.load_instances
    monkeypatch.setattr(Shapes, "load_instances", lambda self, i: loaded.append(i) or load(self, i))
    assert count_objects(dataset, limit=4) == 5 and loaded == [0, 1]


def test_validate_dataset():
    config = Config(NUM_CLASSES=3)
    validate_dataset(shapes(), config)
    with pytest.raises(ConfigError, match="NUM_CLASSES is 2"):
        validate_dataset(shapes(), Config(NUM_CLASSES=2))
    with pytest.raises(DataError, match="neither this nor any other of the 2 images"):
        validate_dataset(shapes((0, 0)), config)
    with pytest.raises(DataError, match="has no images"):
        validate_dataset(shapes(()), config)
    unprepared = Shapes()
    unprepared.load_shapes((1,))
    with pytest.raises(ConfigError, match="prepare"):
        validate_dataset(unprepared, config)


def test_a_reference_that_fails_stops_nothing():
    class Cells(Dataset):
        def load_mask(self, image_id):
            return np.ones((4, 4, 1), bool), np.array([1 if image_id == 0 else 9])

        def image_reference(self, image_id):
            return self.image_info[image_id]["a key of another script"]

    dataset = Cells()
    dataset.add_class("x", 1, "cell")
    for path in ("a.png", "b.png"):
        dataset.add_image("x", path, path)
    dataset.prepare()
    assert len(dataset.load_instances(0)) == 1
    with pytest.raises(DataError, match="b.png: load_mask returned the class id 9"):
        dataset.load_instances(1)
