"""A training as the trial of a search: build a model with the trial's settings, train it, watch its score."""

import math
from pathlib import Path

import keras

from mrcnn.errors import ConfigError
from mrcnn.search.space import with_settings
from mrcnn.training.callbacks import goodness


class TrialCallback(keras.callbacks.Callback):
    """Reports the score of each epoch to a search, and stops a training that is not worth continuing.

    Use one callback for all stages of a trial: it counts the epochs of all stages.

    Parameters
    ----------
    watch : mrcnn.search.study.TrialWatch
    monitor : str
        Name of the score in the logs of an epoch; epochs without it are counted, too.

    Attributes
    ----------
    seen : list of str
        Names in the logs.
    """

    def __init__(self, watch, monitor):
        super().__init__()
        self.watch, self.monitor, self.epochs, self.seen = watch, monitor, 0, []

    def on_train_batch_end(self, batch, logs=None):
        if not self.watch.go_on():
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        self.seen = sorted({*self.seen, *(logs or {})})
        value = float((logs or {}).get(self.monitor, math.nan))
        if math.isfinite(value) and not self.watch.report(self.epochs, value):
            self.model.stop_training = True

    @property
    def ended(self):
        """Whether the trial is over, and a further stage must not begin."""
        return self.watch.ended is not None


class TrainingTrial:
    """The objective of `mrcnn.search.study.tune` for a model of any kind.

    Parameters
    ----------
    config : Config
        The settings that are not searched.
    monitor : str
        As for `TrialCallback`; the score of a trial is its best value.
    build : callable
        (config, folder) -> model, whose runs are written to the folder.
    fit : callable
        (model, callback) -> None: trains, with the callback among the custom ones of every stage, until
        `callback.ended`.
    folder : str or Path
        Gets `trial_0000`, .... The curves of each run are kept; the weights are not, because many trials of a large
        network would fill the disk.
    """

    def __init__(self, config, monitor, build, fit, folder):
        self.config, self.monitor, self.build, self.fit, self.folder = config, monitor, build, fit, Path(folder)

    def __call__(self, values, watch):
        config = with_settings(self.config, values)
        config.KEEP_CHECKPOINTS = 1
        config.validate()
        folder, callback = self.folder / f"trial_{watch.number:04d}", TrialCallback(watch, self.monitor)
        try:
            self.fit(self.build(config, folder), callback)
        except Exception as error:
            if _out_of_memory(error):
                raise MemoryError(f"Not enough memory for {values}.") from error
            raise
        finally:
            for path in folder.rglob("*.h5"):
                path.unlink()
            keras.backend.clear_session()  # frees the model, too
        if not watch.values and not callback.ended:
            told = ", ".join(callback.seen) or "nothing"
            raise ConfigError(
                f"The training does not report {self.monitor}; it reports {told}. Choose one with --monitor."
            )
        return max(watch.values, key=lambda value: goodness(self.monitor, value), default=None)


def _out_of_memory(error):
    """Whether a backend ran out of memory: TensorFlow and JAX have errors of their own for it."""
    return "ResourceExhausted" in type(error).__name__ or "RESOURCE_EXHAUSTED" in str(error)
