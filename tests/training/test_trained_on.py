"""What a training records of its images: their scale in the network, sizes of objects and pixels, class names."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config
from mrcnn.data.prepared import PreparedDataset
from mrcnn.data.scaled import ScaledDataset
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.geometry.instances import Instances
from mrcnn.training.recorded import own_config
from mrcnn.training.trained_on import _as_recorded, config_to_check, seen_by_network


class Small(Config):
    NUM_CLASSES = 2
    IMAGE_MIN_DIM = 0
    IMAGE_MAX_DIM = 128


@pytest.fixture(scope="module")
def dataset():
    return SyntheticMitochondria(6, (256, 256), seed=4, size_px=(30, 60))


def diameters(dataset):
    found = []
    for i in dataset.image_ids:
        objects = dataset.load_instances(i)
        inside = (objects.boxes[:, :2] > 0).all(axis=1) & (objects.boxes[:, 2:] < 256).all(axis=1)
        found += list(2 * np.sqrt(objects.areas()[inside] / np.pi))
    return np.percentile(found, (25, 50, 75))


@pytest.mark.parametrize(("side", "scale"), [(256, 1), (128, 0.5)])
def test_sizes_are_those_in_the_network(dataset, side, scale):
    seen = seen_by_network(Small(IMAGE_MAX_DIM=side), dataset)
    assert seen["TRAINED_SCALE"] == scale
    assert seen["TRAINED_OBJECT_PX"] == pytest.approx(list(diameters(dataset) * scale), abs=0.01)
    pixel = dataset.pixel_size_nm(0)
    assert seen["TRAINED_PIXEL_NM"] == pytest.approx([v / scale for v in pixel])


def test_crowds_are_no_objects(dataset):
    class Crowded(SyntheticMitochondria):
        def load_instances(self, image_id):
            objects = super().load_instances(image_id)
            crowd = Instances(objects.image_shape, [(2, 2, 254, 254)], [-1], masks=[np.ones((252, 252), bool)])
            both = (objects, crowd)
            return Instances(
                objects.image_shape,
                np.concatenate([o.boxes for o in both]),
                np.concatenate([o.class_ids for o in both]),
                masks=[mask for o in both for mask in o.masks],
            )

    crowded = Crowded(6, (256, 256), seed=4, size_px=(30, 60))
    assert seen_by_network(Small(), crowded) == seen_by_network(Small(), dataset)


def test_semantic_networks_see_images_at_their_own_scale(dataset):
    assert seen_by_network(Small(SEMANTIC_MODEL="unet"), dataset)["TRAINED_SCALE"] == 1


def test_enlarged_images(dataset):
    config = Small(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=128, IMAGE_MIN_SCALE=2.0)
    assert seen_by_network(config, dataset)["TRAINED_SCALE"] == 2


def test_unknown_pixel_sizes_and_no_objects():
    class Empty(SyntheticMitochondria):
        def load_instances(self, image_id):
            return super().load_instances(image_id).select([])

        def pixel_size_nm(self, image_id):
            return None

    empty = Empty(2, (96, 96), seed=1)
    seen = seen_by_network(Small(), empty)
    assert seen["TRAINED_SCALE"] == 1 and seen["TRAINED_OBJECT_PX"] is None


def test_the_pixel_size_of_the_settings_is_used_where_the_images_state_none(dataset):
    class Unknown(SyntheticMitochondria):
        unusable = False

        def pixel_size_nm(self, image_id):
            return None

        def load_instances(self, image_id):
            objects = super().load_instances(image_id)
            objects.pixel_size_nm = None
            return objects

        def states_unusable_size(self, image_id):
            return self.unusable

    unknown, config = Unknown(3, (256, 256), seed=4, size_px=(30, 60)), Small(PIXEL_SIZE_NM=(4, 5))
    assert seen_by_network(config, unknown)["TRAINED_PIXEL_NM"] == [8, 10]  # reduced to half
    prepared = PreparedDataset(unknown, downscale=2)
    assert seen_by_network(config, prepared)["TRAINED_PIXEL_NM"] == [8, 10]
    assert seen_by_network(config, ScaledDataset(prepared, 0.5))["TRAINED_PIXEL_NM"] == [16, 20]
    own = dataset.pixel_size_nm(0)
    assert seen_by_network(config, dataset)["TRAINED_PIXEL_NM"] == pytest.approx([2 * v for v in own])
    assert seen_by_network(Small(), unknown)["TRAINED_PIXEL_NM"] is None
    unknown.unusable = True
    assert seen_by_network(config, prepared)["TRAINED_PIXEL_NM"] is None


@pytest.mark.parametrize(("side", "scale"), [(2**15, 128 / 2**15), (1, 128)])
def test_what_is_recorded_can_be_loaded_again(tmp_path, side, scale):
    class OfSide(SyntheticMitochondria):
        def image_shape(self, image_id):
            return side, side, 1

    config = Small(IMAGE_MIN_DIM=128, **seen_by_network(Small(IMAGE_MIN_DIM=128), OfSide(2, (96, 96), seed=1)))
    assert config.TRAINED_SCALE == pytest.approx(scale, rel=1e-3)
    config.to_json(tmp_path / "config.json")
    Small.from_json(tmp_path / "config.json").validate()


@given(st.floats(1e-9, 1e9))
def test_any_scale_is_recorded_within_limits(scale):
    Small(TRAINED_SCALE=_as_recorded(scale)).validate()


@pytest.mark.parametrize(
    ("given", "epoch", "checked"),
    [
        (None, 0, None),  # a new training from weights: the classes of its data set will replace theirs
        (None, 3, ("BG", "a", "b")),  # a run that is continued keeps its classes
        (("BG", "b", "a"), 0, ("BG", "b", "a")),
    ],
)
def test_classes_of_the_weights_bind_only_a_training_that_continues_them(given, epoch, checked):
    config = Small(NUM_CLASSES=3, CLASS_NAMES=given)
    detector = SimpleNamespace(config=config, progress=None, epoch=epoch)
    if given is None:
        own_config(detector).CLASS_NAMES = ("BG", "a", "b")  # as `take_recorded` does when weights are loaded
    assert config_to_check(detector).CLASS_NAMES == checked
    assert config.CLASS_NAMES == given
