"""Trials that are trainings: the scores they report, when they stop, the files they leave."""

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.errors import ConfigError, DataError
from mrcnn.search.report import best_settings, trials_table
from mrcnn.search.space import Parameter
from mrcnn.search.study import Budget, tune
from mrcnn.search.trials import TrainingTrial, TrialCallback

RATES = [Parameter("LEARNING_RATE", (1e-6, 0.1))]


class Line:
    """Stands for a model: learns y = 2 x by gradient descent, in stages, with the callbacks that it is given."""

    def __init__(self, config, folder):
        self.config, self.folder = config, folder
        keras.utils.set_random_seed(0)
        self.keras_model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def train(self, epochs, callbacks):
        x = np.linspace(-1, 1, 16)[:, None]
        self.keras_model.compile(keras.optimizers.SGD(self.config.LEARNING_RATE), "mse")
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "best.h5").write_bytes(b"weights")
        (self.folder / "history.csv").write_text("epoch\n")
        return self.keras_model.fit(x, 2 * x, batch_size=8, epochs=epochs, verbose=0, callbacks=callbacks)


def trial_of(folder, built=None, monitor="loss", stages=(3,), build=Line):
    def make(config, folder):
        model = build(config, folder)
        if built is not None:
            built.append(model)
        return model

    def fit(model, callback):
        for epochs in stages:
            if not callback.ended:
                model.train(epochs, [callback])

    return TrainingTrial(Config(), monitor, make, fit, folder)


def test_the_better_rate_is_found_and_only_curves_are_kept(tmp_path):
    study = tune(
        trial_of(tmp_path / "trials", stages=(2, 1)),
        RATES,
        tmp_path / "s.db",
        Budget(trials=2),
        "loss",
        start={"LEARNING_RATE": 1e-6},
        pruner="none",
    )
    assert best_settings(study)[1] == {"LEARNING_RATE": 0.1}
    table = trials_table(study)
    assert table["epochs"].tolist() == [3] * len(table)  # over both stages
    left = sorted(p.name for p in (tmp_path / "trials").rglob("*") if p.is_file())
    assert left == ["history.csv"] * len(table)


class Watched:
    """Stands for a `TrialWatch` that ends the trial after some reports or steps."""

    def __init__(self, reports=99, steps=99):
        self.number, self.ended, self.values, self.epochs = 0, None, [], []
        self.left, self.steps = reports, steps

    def report(self, epoch, value):
        self.values.append(value)
        self.epochs.append(epoch)
        self.left -= 1
        self.ended = self.ended or ("pruned" if self.left <= 0 else None)
        return self.ended is None

    def go_on(self):
        self.steps -= 1
        self.ended = self.ended or ("time" if self.steps <= 0 else None)
        return self.ended is None


@pytest.mark.parametrize(("watch", "epochs"), [(Watched(), 5), (Watched(reports=2), 2), (Watched(steps=3), 2)])
def test_training_stops_when_the_trial_is_ended(tmp_path, watch, epochs):
    history = Line(Config(), tmp_path).train(5, [TrialCallback(watch, "loss")])
    assert len(history.epoch) == epochs == len(watch.values)
    assert watch.values == history.history["loss"]


def test_no_stage_begins_after_the_end(tmp_path):
    watch, built = Watched(reports=1), []
    trial_of(tmp_path, built, stages=(4, 4, 4))({"LEARNING_RATE": 0.1}, watch)
    assert watch.epochs == [1]


def test_epochs_without_the_score_are_skipped_and_a_training_without_it_is_an_error(tmp_path):
    watch = Watched()
    callback = TrialCallback(watch, "val_iou")
    for epoch, logs in enumerate(({"loss": 1.0}, {"loss": 1.0, "val_iou": 0.3}, {"val_iou": float("nan")})):
        callback.on_epoch_end(epoch, logs)
    assert (watch.epochs, watch.values) == ([2], [0.3])
    assert callback.seen == ["loss", "val_iou"]
    with pytest.raises(ConfigError, match="does not report val_threat; it reports loss"):
        trial_of(tmp_path, monitor="val_threat")({"LEARNING_RATE": 0.1}, Watched())


def test_settings_that_cannot_work_are_refused_before_anything_is_built(tmp_path):
    built = []
    with pytest.raises(ConfigError, match="LEARNING_RATE"):
        trial_of(tmp_path, built)({"LEARNING_RATE": -1}, Watched())
    assert built == []


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (RuntimeError("RESOURCE_EXHAUSTED: out of memory"), MemoryError),
        (DataError("a.tif", "broke it", "Look"), DataError),
        (ZeroDivisionError("our own fault"), ZeroDivisionError),
    ],
)
def test_running_out_of_device_memory_is_told_from_other_errors(tmp_path, raised, seen):
    class Failing(Line):
        def train(self, epochs, callbacks):
            super().train(1, callbacks)
            raise raised

    with pytest.raises(seen):
        trial_of(tmp_path, build=Failing)({"LEARNING_RATE": 0.1}, Watched())
    assert not list(tmp_path.rglob("*.h5"))
