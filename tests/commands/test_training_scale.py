"""Training from a run on objects of another size: the images are brought to the size that the run knows."""

import h5py
import numpy as np
import pytest

from mrcnn.commands.training_scale import at_learnt_size
from mrcnn.config import Config
from mrcnn.data.scaled import ScaledDataset
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.options.training_options import TrainingOptions
from mrcnn.training.run_folders import run_name
from mrcnn.training.trained_on import seen_by_network


class Fit(Config):
    NUM_CLASSES = 2
    IMAGE_RESIZE_MODE = "fit"
    IMAGE_MAX_DIM = 128


@pytest.fixture
def dataset():
    return SyntheticMitochondria(4, (256, 256), seed=4, size_px=(30, 60))


@pytest.fixture
def run(tmp_path, dataset):
    """Callable (factor): a run whose objects were larger than those of the data set by this factor."""

    def write(factor):
        own = seen_by_network(Fit(), dataset)["TRAINED_OBJECT_PX"]
        h5py.File(tmp_path / "best.h5", "w").close()
        Fit(TRAINED_OBJECT_PX=[v * factor for v in own]).to_json(tmp_path / "config.json")
        return str(tmp_path)

    return write


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_images_are_brought_to_the_size_of_the_weights(dataset, run, capsys, factor):
    config = Fit()
    train, validation = at_learnt_size(config, TrainingOptions(weights=run(factor)), dataset, None)
    assert validation is None and isinstance(train, ScaledDataset)
    assert train.factor == config.TRAINED_RESCALED == pytest.approx(factor, rel=1e-3)
    assert "images are brought to" in capsys.readouterr().out
    seen = seen_by_network(config, train)
    # Of the images as given, not of the scaled ones.
    assert seen["TRAINED_SCALE"] == pytest.approx(factor, rel=1e-3)
    learnt = Fit.from_json(f"{run(factor)}/config.json").TRAINED_OBJECT_PX
    assert seen["TRAINED_OBJECT_PX"] == pytest.approx(learnt, rel=0.06)
    assert np.asarray(seen["TRAINED_PIXEL_NM"]) == pytest.approx(np.divide(dataset.pixel_size_nm(0), factor), rel=1e-3)


@pytest.mark.parametrize("factor", [0.5, 2.0])
@pytest.mark.parametrize(
    "settings",
    [
        {"IMAGE_RESIZE_MODE": "square", "IMAGE_MAX_DIM": 128},
        {"IMAGE_RESIZE_MODE": "square", "IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": 512},
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 256},
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 512, "IMAGE_MIN_SCALE": 2.0},  # as for wafers
        {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 128},
    ],
)
def test_modes_that_bring_images_to_a_size_do_not_undo_the_factor(dataset, run, settings, factor):
    config = Fit(**{"IMAGE_MIN_DIM": 0, **settings})
    before, side = seen_by_network(config, dataset), config.IMAGE_SHAPE[0]
    weights = run(factor * before["TRAINED_SCALE"])
    train, _ = at_learnt_size(config, TrainingOptions(weights=weights), dataset, None)
    seen = seen_by_network(config, train)
    assert seen["TRAINED_OBJECT_PX"] == pytest.approx(np.multiply(before["TRAINED_OBJECT_PX"], factor), rel=0.06)
    assert seen["TRAINED_SCALE"] == pytest.approx(factor * before["TRAINED_SCALE"], rel=1e-3)
    assert config.IMAGE_SHAPE[0] == side
    config.validate()


@pytest.mark.parametrize(
    "options", [{"weights": "none"}, {"weights": "imagenet"}, {"object_size": "off"}, {"weights": "absent"}]
)
def test_nothing_is_scaled_unless_the_weights_ask_for_it(dataset, run, options):
    config = Fit(TRAINED_RESCALED=3.0)  # from a settings file of another run
    given = TrainingOptions(**{"weights": run(2.0), **options})
    assert at_learnt_size(config, given, dataset, dataset) == (dataset, dataset)
    assert config.TRAINED_RESCALED is None


def test_similar_sizes_stay_as_they_are(dataset, run):
    config = Fit()
    assert at_learnt_size(config, TrainingOptions(weights=run(1.15)), dataset, None) == (dataset, None)


def test_a_resumed_run_keeps_its_factor(dataset, run):
    config = Fit(TRAINED_RESCALED=0.5)
    train, _ = at_learnt_size(config, TrainingOptions(weights=run(2.0)), dataset, None, resumed=True)
    assert train.factor == config.TRAINED_RESCALED == 0.5


def test_the_last_run_is_a_run_like_any_other(dataset, run, tmp_path):
    """--weights last."""
    folder = tmp_path / "logs" / f"{run_name(Fit())}20260101T1200"
    folder.mkdir(parents=True)
    run(2.0)
    (tmp_path / "config.json").rename(folder / "config.json")
    (tmp_path / "best.h5").rename(folder / f"mask_rcnn_{run_name(Fit())}_0001.h5")
    config = Fit()
    options = TrainingOptions(weights="last", logs=str(tmp_path / "logs"))
    assert at_learnt_size(config, options, dataset, None)[0].factor == pytest.approx(2.0, rel=1e-3)
    none = TrainingOptions(weights="last", logs=str(tmp_path / "empty"))  # reported where the weights are loaded
    assert at_learnt_size(config, none, dataset, None) == (dataset, None)
