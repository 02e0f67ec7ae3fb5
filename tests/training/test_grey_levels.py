"""The training set decides once how images that are not 8 bit are treated; the run records it, predictions follow."""

import json
import shutil

import h5py
import numpy as np
import pytest

from mrcnn.config import Config, SemanticConfig
from mrcnn.data.dataset import Dataset
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.engine.segmenter import SemanticSegmenter
from mrcnn.errors import ConfigError, DataError
from mrcnn.training.checkpoints import read_config
from mrcnn.training.grey_levels import decide, typical_grey
from mrcnn.training.recorded import own_config
from mrcnn.weights.load import save_weights

ZERO = {"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": 0.0}
RNG = np.random.default_rng(0)
STANDARDISED = RNG.normal(0, 1, (8, 8)).astype(np.float32)
POSITIVE = np.abs(STANDARDISED)
FLAT = np.full((8, 8), -0.4, np.float32)
CAMERA = RNG.integers(100, 4000, (8, 8)).astype(np.uint16)
GREY = RNG.integers(0, 255, (8, 8)).astype(np.uint8)


class Images(Dataset):
    """Images from arrays; those that are errors are raised."""

    def __init__(self, *images):
        super().__init__()
        self.images, self.asked = images, []
        for i in range(len(images)):
            self.add_image("test", i, f"cells_{i}.tif")
        self.prepare()

    def load_image(self, image_id):
        self.asked.append(image_id)
        if isinstance(self.images[image_id], Exception):
            raise self.images[image_id]
        return self.images[image_id]


@pytest.mark.parametrize(
    ("images", "mean", "expected"),
    [
        ([STANDARDISED, STANDARDISED + 0.1], 0, (False, "cells_0.tif")),
        ([STANDARDISED], 5, (True, "cells_0.tif")),
        ([GREY, CAMERA], 0, (True, "cells_1.tif")),
        ([CAMERA], 300, (False, "cells_0.tif")),
        ([POSITIVE, STANDARDISED], 0.5, (False, "cells_0.tif")),
        ([GREY, GREY > 9], 0, (True, None)),
        ([GREY], 300, (False, None)),
        ([FLAT, STANDARDISED, GREY], 0, (False, "cells_1.tif")),
        ([FLAT], 0, (True, "cells_0.tif")),
        ([DataError("cells_0.tif", "is damaged", "Copy it again"), OSError(), STANDARDISED], 0, (False, "cells_2.tif")),
        ([], 0, (True, None)),
    ],
)
def test_what_the_images_decide(images, mean, expected):
    assert decide(Config(**{**ZERO, "MEAN_PIXEL": mean}), Images(*images)) == expected


@pytest.mark.parametrize("other", [CAMERA, POSITIVE, STANDARDISED * 1000])
def test_images_that_disagree_are_refused(other):
    dataset = Images(GREY, other, STANDARDISED)
    with pytest.raises(
        DataError, match=r"cells_2.tif: its values.*unchanged.*cells_1.tif stretched.*SCALE_INTENSITY to"
    ):
        decide(Config(**ZERO), dataset)
    for setting in (True, False):
        assert decide(Config(**ZERO, SCALE_INTENSITY=setting), dataset) == (setting, None)


def test_a_bounded_sample_is_spread_over_the_set():
    dataset = Images(*[STANDARDISED] * 100)
    decide(Config(**ZERO), dataset)
    assert len(dataset.asked) == 16 and dataset.asked[0] == 0 and dataset.asked[-1] == 99
    assert np.ptp(np.diff(dataset.asked)) <= 1


# --- A run ---
class Standardised(SyntheticMitochondria):
    """Micrographs with mean 0 and standard deviation 1."""

    def load_image(self, image_id):
        image = super().load_image(image_id).astype(np.float32)
        return (image - image.mean()) / image.std()


def micrographs(count=2, seed=1):
    return Standardised(count, (64, 64), seed, size_px=(20, 30), objects=(1, 3))


@pytest.fixture(scope="module")
def config(tiny):
    return lambda **overrides: SemanticConfig(
        **{
            "NAME": "Grey",
            "BACKBONE": tiny.backbone,
            "COMPUTE_BACKBONE_SHAPE": tiny.backbone_shapes,
            "SEMANTIC_DECODER": (8, 8, 8, 8),
            "SEMANTIC_CROP": 32,
            "IMAGES_PER_GPU": 2,
            "PRECISION": "float32",
            **ZERO,
            **overrides,
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory, config):
    """A segmenter that was trained on standardised images, and the config that it was made with."""
    given = config()
    segmenter = SemanticSegmenter("training", given, tmp_path_factory.mktemp("logs"))
    segmenter.train(micrographs(), micrographs(1, 2), 0.01, epochs=1, verbose=0)
    return segmenter, given


@pytest.fixture
def older(run, tmp_path):
    """The folder of the run, as if written before the rule was recorded."""
    folder = shutil.copytree(run[0].log_dir, tmp_path / run[0].log_dir.name)
    settings = json.loads((folder / "config.json").read_text())
    del settings["TRAINED_STRETCHED"]
    (folder / "config.json").write_text(json.dumps(settings))
    for path in folder.glob("*.h5"):
        with h5py.File(path, "r+") as file:
            file["training_state"].attrs["config"] = json.dumps(settings)
    return folder


def bright(seed=5):
    """An image that is not recognised as standardised, because none of its pixels is below 0."""
    return np.abs(np.random.default_rng(seed).normal(0, 1, (32, 32, 1))).astype(np.float32)


def test_a_run_records_the_rule_and_leaves_the_callers_config(run):
    segmenter, given = run
    assert json.loads((segmenter.log_dir / "config.json").read_text())["TRAINED_STRETCHED"] is False
    assert read_config(segmenter.checkpoint_path)["TRAINED_STRETCHED"] is False
    assert given.SCALE_INTENSITY == segmenter.config.SCALE_INTENSITY == "auto"
    assert given.TRAINED_STRETCHED is None and segmenter.config.TRAINED_STRETCHED is False


@pytest.mark.parametrize("way", ["trained", "from its folder", "with the config of a script"])
def test_predictions_follow_the_run_not_the_image(run, config, way):
    segmenter, given = run
    if way != "trained":
        stored = SemanticConfig.from_json(segmenter.log_dir / "config.json")
        stored.BACKBONE, stored.COMPUTE_BACKBONE_SHAPE = given.BACKBONE, given.COMPUTE_BACKBONE_SHAPE
        used = stored if way == "from its folder" else config()
        segmenter = SemanticSegmenter("inference", used, segmenter.model_dir)
        segmenter.load_weights(run[0].checkpoint_path, verbose=0)
    same = SemanticSegmenter("inference", config(SCALE_INTENSITY=False), segmenter.model_dir)
    other = SemanticSegmenter("inference", config(SCALE_INTENSITY=True), segmenter.model_dir)
    for one in (same, other):
        one.load_weights(run[0].checkpoint_path, verbose=0)
    for image in (bright(), 1 + bright(6)):
        found = segmenter.predict_probability(image)
        np.testing.assert_array_equal(found, same.predict_probability(image))
        assert np.abs(found - other.predict_probability(image)).max() > 1e-4


def test_a_run_of_an_earlier_version_is_used_and_resumed_as_before(run, older, config):
    segmenter = SemanticSegmenter("training", config(), older.parent)
    segmenter.load_weights(older / "best.h5", verbose=0)
    for image, setting in ((bright(), True), (micrographs().load_image(0), False)):
        by_hand = SemanticSegmenter("inference", config(SCALE_INTENSITY=setting), older.parent)
        by_hand.load_weights(older / "best.h5", verbose=0)
        np.testing.assert_array_equal(segmenter.predict_probability(image), by_hand.predict_probability(image))
    assert segmenter.resume(older)
    segmenter.train(micrographs(), None, 0.01, epochs=2, verbose=0)
    assert segmenter.epoch == 2 and segmenter.log_dir == older
    assert json.loads((older / "config.json").read_text())["TRAINED_STRETCHED"] is None


def test_a_resumed_run_keeps_its_rule(run, config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("mrcnn.training.run.Fitting.run", lambda *_: None)
    folder = shutil.copytree(run[0].log_dir, tmp_path / run[0].log_dir.name)
    segmenter = SemanticSegmenter("training", config(), tmp_path)
    assert segmenter.resume(folder)
    grey = SyntheticMitochondria(2, (64, 64), 1, size_px=(20, 30), objects=(1, 3))
    segmenter.train(grey, None, 0.01, epochs=2, verbose=0)
    assert json.loads((folder / "config.json").read_text())["TRAINED_STRETCHED"] is False
    assert "settings differ" not in capsys.readouterr().out


def test_weights_without_a_record_are_used_by_the_callers_config(run, older, config, tmp_path):
    weights_alone, with_record = tmp_path / "weights.h5", tmp_path / "recorded.h5"
    save_weights(run[0].keras_model, weights_alone)
    run[0].save_weights(with_record)
    for given in (None, True):
        segmenter = SemanticSegmenter("inference", config(TRAINED_STRETCHED=given), tmp_path)
        for weights, expected in (
            (weights_alone, given),
            (run[0].checkpoint_path, False),
            (with_record, False),
        ):
            segmenter.load_weights(weights, verbose=0)
            assert segmenter.config.TRAINED_STRETCHED is expected
        segmenter.load_weights(older / "best.h5", verbose=0)
        assert segmenter.config.TRAINED_STRETCHED is given
        assert segmenter._given_config[0].TRAINED_STRETCHED is given


def test_a_new_training_with_loaded_weights_decides_anew(run, config, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("mrcnn.training.run.Fitting.run", lambda *_: None)
    segmenter = SemanticSegmenter("training", config(), tmp_path)
    segmenter.load_weights(run[0].checkpoint_path, verbose=0)
    segmenter.set_log_dir()
    camera = SyntheticMitochondria(2, (64, 64), 1, size_px=(20, 30), objects=(1, 3))
    load = camera.load_image
    camera.load_image = lambda image_id: load(image_id).astype(np.uint16) * 9
    segmenter.train(camera, None, 0.01, epochs=1, verbose=2)
    assert json.loads((segmenter.log_dir / "config.json").read_text())["TRAINED_STRETCHED"] is True
    assert "not 8 bit, such as" in (said := capsys.readouterr().out) and "are stretched to 0 ... 255" in said


# --- Mask R-CNN ---
class Typed(ShapesDataset):
    """Shapes with the values that `change` makes of the grey levels of an image."""

    def load_image(self, image_id):
        return self.change(image_id, super().load_image(image_id))


def typed(change):
    dataset = Typed()
    dataset.change = change
    dataset.load_shapes(2, 64, 64, 0)
    dataset.prepare()
    return dataset


@pytest.fixture
def detector(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("mrcnn.training.run.Fitting.run", lambda *_: None)
    return MaskRCNN("training", tiny.config(NUM_CLASSES=4, STEPS_PER_EPOCH=1, MEAN_PIXEL=np.zeros(3)), tmp_path)


def test_validation_and_detection_use_the_rule_of_the_training(detector, capsys):
    given = detector.config
    detector.train(typed(lambda _, image: (image - 110.0) / 40), None, 0.001, 1, "heads", verbose=2)
    assert "are used unchanged, as MEAN_PIXEL says (SCALE_INTENSITY)" in capsys.readouterr().out
    assert detector.detection.config is detector.config is not given and detector.config.TRAINED_STRETCHED is False
    image = np.random.default_rng(0).random((64, 64, 3))
    np.testing.assert_array_equal(detector.mold_inputs([image])[0][0], image.astype(np.float32))


def test_8_bit_images_are_not_mentioned(detector, capsys):
    detector.train(typed(lambda _, image: image), None, 0.001, 1, "heads", verbose=2)
    assert "SCALE_INTENSITY" not in capsys.readouterr().out
    assert json.loads((detector.log_dir / "config.json").read_text())["TRAINED_STRETCHED"] is True


def test_a_training_set_that_disagrees_leaves_no_run(detector, tmp_path):
    mixed = typed(lambda i, image: (image - 110.0) / 40 if i else image.astype(np.uint16))
    with pytest.raises(DataError, match="a training needs one rule"):
        detector.train(mixed, None, 0.001, 1, "heads", verbose=0)
    assert not list(tmp_path.iterdir()) and detector.config.TRAINED_STRETCHED is None


def test_settings_that_a_script_changes_between_trainings_take_effect(detector):
    given = detector.config
    own = own_config(detector)
    assert own is not given and own_config(detector) is own
    own.TRAINED_STRETCHED = True
    given.STEPS_PER_EPOCH, given.BATCH_SIZE, detector.config.SEED = 7, 5, 3
    assert own_config(detector) is own
    assert (own.STEPS_PER_EPOCH, own.BATCH_SIZE, own.SEED, own.TRAINED_STRETCHED) == (7, 5, 3, True)
    detector.config = replaced = Config(NUM_CLASSES=4)
    assert own_config(detector) is not own and replaced.TRAINED_STRETCHED is None


def test_the_record_is_checked():
    with pytest.raises(ConfigError, match="TRAINED_STRETCHED must be one of None, False, True"):
        Config(TRAINED_STRETCHED="yes").validate()


class Fields:
    """Fields of cells in several types, and one that cannot be read."""

    image_ids = np.arange(4)

    def load_image(self, image_id):
        if image_id == 3:
            raise DataError("d.tif", "is damaged", "Copy it again")
        image = np.random.default_rng(image_id).normal(40, 3, (64, 64))
        image[20:40, 20:40] += 150
        return (image * (1, 100, 1)[image_id]).astype((np.uint8, np.uint16, np.float32)[image_id])[..., None]


def test_the_grey_levels_of_the_training_images_are_recorded_as_the_network_sees_them():
    config = Config(IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=np.array([128.0]))
    median, noise = typical_grey(config, Fields())
    assert 5 < median < 45 and 2 < noise < 6
    config.SCALE_INTENSITY = False
    assert typical_grey(config, Fields())[0] == pytest.approx(40, abs=1)  # only the image of 8 bit
    config.validate()
    config.TRAINED_GREY = [median, noise]
    assert Config.from_dict(config.to_dict()).TRAINED_GREY == [median, noise]
