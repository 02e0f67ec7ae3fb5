"""Train for a number of hours instead of a number of epochs."""

import collections
import math
from time import monotonic

import keras

from mrcnn.errors import ConfigError

NO_END = 10**6  # epochs of a stage that only the hours limit
STEPS_TO_JUDGE = 5  # steps of the first epoch before its duration is estimated; the first one compiles


class TimeBudget(keras.callbacks.Callback):
    """Ends a stage before an epoch that would not finish in time, and lets the learning rate follow the time.

    The rate is set once per epoch. A cosine schedule follows the fraction of the time that has passed, because the
    number of steps is not known.

    Parameters
    ----------
    hours : float
        For the whole stage, including the time of its epochs before an interruption.
    records : Records
    progress : Progress
    config : Config

    Attributes
    ----------
    batches : OrderedBatches
        Set before each fit.
    """

    def __init__(self, hours, records, progress, config):
        super().__init__()
        self.hours, self.limit, self.config, self.rate = hours, 3600 * hours, config, progress.learning_rate
        rows = [r for r in records.rows if r["epoch"] > progress.stage_start]
        self.spent, self.first_epoch = sum(r.get("seconds", 0.0) for r in rows), progress.stage_start
        self.started, self.batches = None, None
        # Epochs with validation take longer than those without, so the longest of the last ones decides.
        self.recent = collections.deque(maxlen=max(1, int(config.VALIDATE_EVERY)))
        # The rest of an interrupted epoch may be short: it begins if there is any time left.
        if not progress.step:
            self.recent.extend(r.get("seconds", 0.0) for r in rows)

    def elapsed(self):
        """Seconds of this stage so far."""
        return self.spent + (0.0 if self.started is None else monotonic() - self.started)

    def is_over(self):
        """Whether there is no time left for another epoch, judging by earlier ones; if so, prints a message."""
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
        # The rest of an interrupted epoch is a separate fit; the clock keeps running.
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
        # An estimate may be wrong by half; the elapsed time is exact.
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
