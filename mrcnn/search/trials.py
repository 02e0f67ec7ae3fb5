"""A trial of a search that is a training: build a model with the trial's settings, train, watch its score."""

import math
from pathlib import Path

import keras

from mrcnn.errors import ConfigError
from mrcnn.search.space import with_settings
from mrcnn.training.callbacks import goodness


class TrialCallback(keras.callbacks.Callback):
    """Tells a search the score after each epoch, and stops a training that is not worth more time.

    Give one to all stages of a trial: epochs are counted over them.

    Parameters
    ----------
    watch : mrcnn.search.study.TrialWatch
    monitor : str
        Name of the score among the logs of an epoch; epochs without it count as such.

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
        As of `TrialCallback`; the score of a trial is its best.
    build : callable
        (config, folder) -> model; its runs go into the folder.
    fit : callable
        (model, callback) -> None: trains, with the callback among the custom ones of every stage, until
        `callback.ended`.
    folder : str or Path
        `trial_0000`, ... are made in it. Of each run the curves are kept; weights are not, as many trials of a large
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
                raise MemoryError(f"Too little memory for {values}.") from error
            raise
        finally:
            for path in folder.rglob("*.h5"):
                path.unlink()
            keras.backend.clear_session()  # collects the model, too
        if not watch.values and not callback.ended:
            told = ", ".join(callback.seen) or "nothing"
            raise ConfigError(f"The training tells no {self.monitor}; it tells {told}. Choose one with --monitor.")
        return max(watch.values, key=lambda value: goodness(self.monitor, value), default=None)


def _out_of_memory(error):
    """Whether a backend ran out of memory: TensorFlow and JAX have errors of their own for it."""
    return "ResourceExhausted" in type(error).__name__ or "RESOURCE_EXHAUSTED" in str(error)
