"""Training for a number of hours instead of a number of epochs."""

import collections
import math
from time import monotonic

import keras

from mrcnn.errors import ConfigError

NO_END = 10**6  # epochs of a stage that only the hours end
STEPS_TO_JUDGE = 5  # of the first epoch, before its length is guessed; the first of them compiles


class TimeBudget(keras.callbacks.Callback):
    """Ends a stage before the epoch that would not be done in time, and lets the learning rate follow the time.

    The schedule of the settings (cosine, warm-up) goes by the share of the time that is gone, once an epoch: how many
    steps there will be is not known.

    Parameters
    ----------
    hours : float
        For the whole stage; the epochs of it that were done before a kill count by the time that they took.
    records : Records
    progress : Progress
    config : Config

    Attributes
    ----------
    batches : OrderedBatches
        Set by whoever fits.
    """

    def __init__(self, hours, records, progress, config):
        super().__init__()
        self.hours, self.limit, self.config, self.rate = hours, 3600 * hours, config, progress.learning_rate
        rows = [r for r in records.rows if r["epoch"] > progress.stage_start]
        self.spent, self.first_epoch = sum(r.get("seconds", 0.0) for r in rows), progress.stage_start
        self.started, self.batches = None, None
        # Epochs with validation are longer than those without, so the last ones decide.
        self.recent = collections.deque(maxlen=max(1, int(config.VALIDATE_EVERY)))
        # What is left of an interrupted epoch may be short: it is begun where there is any time.
        if not progress.step:
            self.recent.extend(r.get("seconds", 0.0) for r in rows)

    def elapsed(self):
        """Seconds of this stage so far."""
        return self.spent + (0.0 if self.started is None else monotonic() - self.started)

    def is_over(self):
        """Whether there is no time left for another epoch, as far as earlier ones tell; says so."""
        over = self.elapsed() >= self.limit or self.elapsed() + max(self.recent, default=0.0) > self.limit
        if over:
            print(f"The {self.hours:g} hours of this training are over: nothing is left to train.")
        return over

    def rate_at(self, epoch):
        """Learning rate of an epoch that begins now."""
        rate, steps = self.rate, self.batches.steps
        if self.config.LEARNING_RATE_SCHEDULE == "cosine":
            rate *= 0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, self.elapsed() / self.limit))) / 2
        if self.config.WARMUP_STEPS:
            middle = (epoch - self.first_epoch + 0.5) * steps
            rate *= min(1.0, 0.1 + 0.9 * middle / self.config.WARMUP_STEPS)
        return rate

    def on_train_begin(self, logs=None):
        # What is left of an interrupted epoch is a fit of its own; the time goes on.
        self.started = monotonic() if self.started is None else self.started

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.epoch_began = epoch, monotonic()
        self.model.optimizer.learning_rate = self.rate_at(epoch)

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch > self.first_epoch:
            return
        if batch == 0:
            self.compiled = monotonic()
        needed = self.elapsed()
        if batch + 1 >= STEPS_TO_JUDGE:
            needed += (monotonic() - self.compiled) / batch * (len(self.batches) - batch - 1)
        # A guess may be wrong by half; the time itself is not.
        if self.elapsed() > self.limit or needed > 1.5 * self.limit:
            raise ConfigError(
                f"hours = {self.hours:g} is too short for one epoch: its {self.batches.steps} steps take about "
                f"{max(needed, self.elapsed()) / 3600:.2g} hours here. Give more time, or a lower STEPS_PER_EPOCH."
            )

    def on_epoch_end(self, epoch, logs=None):
        self.recent.append(monotonic() - self.epoch_began)
        if self.elapsed() + max(self.recent) > self.limit:
            print(f"The {self.hours:g} hours are over after {epoch + 1} epochs.")
            self.model.stop_training = True
