"""What a run recorded is taken over by configs that were not read from it; the caller's config stays as it is."""

import json

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.data.scaled import ScaledDataset
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.training.recorded import RECORDED, own_config, take_recorded
from mrcnn.training.trained_on import record_training_set, seen_by_network

ALL = {
    "TRAINED_STRETCHED": True,
    "TRAINED_GREY": [40.0, 3.0],
    "TRAINED_SCALE": 0.5,
    "TRAINED_RESCALED": 0.75,
    "TRAINED_OBJECT_PX": [10.0, 20.0, 30.0],
    "TRAINED_PIXEL_NM": [4.0, 5.0],
    "TRAINED_MASK_GEOMETRY": "area",
}
MASK_HEAD = ["mrcnn_mask/kernel"]  # what was loaded


class Holder:
    """A detector, as far as its config is concerned."""

    def __init__(self, config):
        self.config, self.detection, self.progress, self.epoch = config, None, None, 0


def beside(folder, settings):
    """A weight file of Matterport's with a config.json next to it."""
    text = settings if isinstance(settings, str) else json.dumps(settings)
    (folder / "config.json").write_text(text)
    np.savez(folder / "weights.npz", a=1)
    return folder / "weights.npz"


def recorded(config):
    return {name: getattr(config, name) for name in RECORDED}


def test_everything_that_is_recorded_is_tested():
    assert set(RECORDED) == set(ALL)


def test_everything_is_taken_over_and_the_callers_config_stays(tmp_path):
    given = Config(NUM_CLASSES=3)
    detector = Holder(given)
    take_recorded(detector, beside(tmp_path, {**ALL, "CLASS_NAMES": ["BG", "a", "b"], "SEED": 9}), MASK_HEAD)
    assert recorded(detector.config) == ALL and tuple(detector.config.CLASS_NAMES) == ("BG", "a", "b")
    assert detector.config.SEED == given.SEED == 0
    assert given.CLASS_NAMES is None and set(recorded(given).values()) == {None}


def test_the_record_wins_over_the_callers_values_but_names_do_not(tmp_path):
    given = Config(NUM_CLASSES=3, TRAINED_SCALE=2.0, CLASS_NAMES=("BG", "x", "y"))
    detector = Holder(given)
    take_recorded(detector, beside(tmp_path, {"TRAINED_SCALE": 0.5, "CLASS_NAMES": ["BG", "a", "b"]}))
    assert detector.config.TRAINED_SCALE == 0.5 and tuple(detector.config.CLASS_NAMES) == ("BG", "x", "y")


def test_what_is_not_recorded_stays_as_the_caller_has_it(tmp_path):
    given = Config(TRAINED_SCALE=2.0)
    detector = Holder(given)
    take_recorded(detector, beside(tmp_path, {"TRAINED_SCALE": None, "TRAINED_STRETCHED": False}))
    assert detector.config.TRAINED_SCALE == 2.0 and detector.config.TRAINED_STRETCHED is False


def test_weights_without_a_record_bring_back_the_callers_values(tmp_path):
    given = Config(TRAINED_SCALE=2.0)
    detector = Holder(given)
    take_recorded(detector, beside(tmp_path, ALL))
    assert recorded(detector.config) == ALL
    take_recorded(detector, beside(tmp_path, {}))
    assert recorded(detector.config) == {**dict.fromkeys(RECORDED), "TRAINED_SCALE": 2.0}


@pytest.mark.parametrize("settings", ["{cut", "[]", "", "{}"])
def test_a_record_that_cannot_be_read_is_left_to_those_who_need_it(tmp_path, settings):
    detector = Holder(given := Config())
    take_recorded(detector, beside(tmp_path, settings))
    take_recorded(detector, tmp_path / "absent" / "weights.npz")
    assert detector.config is given


@pytest.mark.parametrize("names", [["BG", "a"], [], None])
def test_names_of_another_number_of_classes_are_not_taken(tmp_path, names):
    detector = Holder(Config(NUM_CLASSES=3))
    take_recorded(detector, beside(tmp_path, {"CLASS_NAMES": names}))
    assert detector.config.CLASS_NAMES is None


def test_the_detection_of_a_model_gets_the_same_config():
    detector = Holder(given := Config())
    detector.detection = Holder(given)
    own = own_config(detector)
    assert detector.detection.config is own is not given and own_config(detector) is own


# --- A run ---
@pytest.fixture
def shapes():
    dataset = ShapesDataset()
    dataset.load_shapes(3, 128, 96, 0)
    dataset.prepare()
    return dataset


def test_a_run_records_its_training_set_and_weights_bring_it_along(tiny, tmp_path, monkeypatch, shapes):
    monkeypatch.setattr("mrcnn.training.run.Fitting.run", lambda *_: None)
    given = tiny.config(NUM_CLASSES=4, STEPS_PER_EPOCH=1)
    model = MaskRCNN("training", given, tmp_path)
    model.train(shapes, None, 0.001, 1, "heads", verbose=0)
    settings = json.loads((model.log_dir / "config.json").read_text())
    assert settings["TRAINED_SCALE"] == 0.5 and settings["CLASS_NAMES"] == ["BG", "square", "circle", "triangle"]
    assert len(settings["TRAINED_OBJECT_PX"]) == 3 and settings["TRAINED_PIXEL_NM"] is None
    assert given.CLASS_NAMES is None and given.TRAINED_SCALE is None
    model.save_weights(model.log_dir / "mask_rcnn.h5")
    other = MaskRCNN("inference", tiny.config(NUM_CLASSES=4), tmp_path)
    other.load_weights(model.log_dir / "mask_rcnn.h5", verbose=0)
    assert (other.config.TRAINED_SCALE, other.detection.config) == (0.5, other.config)
    assert tuple(other.config.CLASS_NAMES) == tuple(settings["CLASS_NAMES"])


@pytest.mark.parametrize(("progress", "epoch"), [(object(), 0), (None, 3)])
def test_a_continued_training_keeps_what_its_run_recorded(shapes, progress, epoch):
    detector = Holder(given := Config(NUM_CLASSES=4, TRAINED_SCALE=7.0))
    detector.progress, detector.epoch = progress, epoch
    record_training_set(detector, shapes)
    assert detector.config is given


def test_a_new_training_records_its_own_data_set_not_that_of_its_start_weights(tmp_path, shapes):
    detector = Holder(Config(NUM_CLASSES=4))
    take_recorded(detector, beside(tmp_path, {**ALL, "CLASS_NAMES": ["BG", "triangle", "square", "circle"]}))
    record_training_set(detector, shapes)
    found = recorded(detector.config)
    assert found == {**found, **seen_by_network(Config(NUM_CLASSES=4), shapes), "TRAINED_RESCALED": None}
    assert tuple(detector.config.CLASS_NAMES) == ("BG", "square", "circle", "triangle")
    record_training_set(detector, ScaledDataset(shapes, 0.5))
    assert detector.config.TRAINED_RESCALED == 0.5


def test_names_of_the_config_are_kept(shapes):
    names = ("BG", "Quadrat", "Kreis", "Dreieck")
    detector = Holder(Config(NUM_CLASSES=4, CLASS_NAMES=names))
    record_training_set(detector, shapes)
    assert tuple(detector.config.CLASS_NAMES) == names and detector.config.TRAINED_SCALE is not None


# --- The geometry in which masks are taught ---
@pytest.mark.parametrize(
    ("stored", "loaded", "taught"),
    [
        ({"MASK_GEOMETRY": "area", "TRAINED_MASK_GEOMETRY": "area"}, MASK_HEAD, "area"),
        ({"MASK_GEOMETRY": "area", "TRAINED_MASK_GEOMETRY": "matterport"}, MASK_HEAD, "matterport"),
        ({}, MASK_HEAD, "matterport"),
        ({"SEED": 1}, MASK_HEAD, "matterport"),
        ({"TRAINED_MASK_GEOMETRY": "area"}, ["conv1/kernel"], None),
        ({}, ["conv1/kernel"], None),
    ],
)
def test_weights_say_in_which_geometry_masks_were_taught(tmp_path, stored, loaded, taught):
    detector = Holder(Config(MASK_GEOMETRY="area"))
    take_recorded(detector, beside(tmp_path, stored), loaded)
    assert detector.config.TRAINED_MASK_GEOMETRY == taught


def test_the_geometry_travels_with_weights_and_a_training_follows_its_own(tiny, tmp_path, shapes):
    small = {"NUM_CLASSES": 4, "IMAGES_PER_GPU": 1, "STEPS_PER_EPOCH": 1, "VALIDATION_STEPS": 0, "VALIDATE_EVERY": 0}
    given = tiny.config(**small, MASK_GEOMETRY="area", MASK_REGION_SCALE=1.2)
    model = MaskRCNN("training", given, tmp_path / "a")
    assert model.config.TRAINED_MASK_GEOMETRY is None
    model.train(shapes, None, learning_rate=0.001, epochs=1, layers="rpn.*", verbose=0)
    assert model.config.TRAINED_MASK_GEOMETRY is None, "the mask head was not trained"
    model.train(shapes, None, learning_rate=0.001, epochs=2, layers="all", verbose=0)
    assert model.config.TRAINED_MASK_GEOMETRY == "area" and given.TRAINED_MASK_GEOMETRY is None
    (tmp_path / "moved").mkdir()
    model.save_weights(tmp_path / "moved" / "weights.h5")

    other = MaskRCNN("training", tiny.config(**small), tmp_path / "b")
    other.load_weights(tmp_path / "moved" / "weights.h5", verbose=0)
    assert other.config.TRAINED_MASK_GEOMETRY == "area" and other.detection.config.TRAINED_MASK_GEOMETRY == "area"
    other.train(shapes, None, learning_rate=0.001, epochs=1, layers="heads", verbose=0)
    assert other.config.TRAINED_MASK_GEOMETRY == "matterport"
    again = MaskRCNN("inference", tiny.config(**small), tmp_path / "c")
    again.load_weights(other.checkpoint_path, verbose=0)
    assert again.config.TRAINED_MASK_GEOMETRY == "matterport"


def test_settings_that_the_caller_changes_after_loading_take_effect(tiny, tmp_path, shapes):
    given = tiny.config(NUM_CLASSES=4)
    model = MaskRCNN("inference", given, tmp_path)
    model.save_weights(tmp_path / "weights.h5")
    (tmp_path / "config.json").write_text('{"TRAINED_SCALE": 0.5}')
    model.load_weights(tmp_path / "weights.h5", verbose=0)
    assert model.config is not given and model.config.TRAINED_SCALE == 0.5
    given.IMAGE_MIN_DIM = given.IMAGE_MAX_DIM = 128
    assert model.mold_inputs([shapes.load_image(0)])[0].shape[1:3] == (128, 128)
    given.BATCH_SIZE = 1
    model.predict([shapes.load_image(0)])
    assert model.detection.config.BATCH_SIZE == 1 and model.config.TRAINED_SCALE == 0.5
