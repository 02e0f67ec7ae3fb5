"""Training from a run on objects of another size: the images are brought to the size that the run knows."""

import h5py
import numpy as np
import pytest

from mrcnn.commands.training_scale import at_learnt_size
from mrcnn.config import Config
from mrcnn.data.scaled import ScaledDataset
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.options.training_options import TrainingOptions
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
