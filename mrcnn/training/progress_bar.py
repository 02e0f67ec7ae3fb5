"""Progress output of a training: a bar within an epoch, and one short line per epoch that stays."""

import shutil
import sys
from time import monotonic

import keras
from tqdm.std import tqdm

from mrcnn.errors import ConfigError

INTERVAL = 0.5  # seconds between drawings of the bar; a notebook may keep all of them in its file
WIDEST = 100  # characters of the bar; a notebook cell has no more room


def shown(verbose):
    """Whether to show a bar, and whether to print a line per epoch, for the `verbose` of `train`.

    Raises
    ------
    ConfigError
        `verbose` is not "auto", 0, 1 or 2.
    """
    if verbose not in ("auto", 0, 1, 2):
        raise ConfigError(f"verbose must be 'auto', 0 (silent), 1 (a bar) or 2 (one line per epoch), not {verbose!r}.")
    bar = can_redraw(sys.stdout) if verbose == "auto" else verbose == 1
    return bar and sys.stdout is not None, verbose != 0


def can_redraw(stream):
    """Whether a line written there can be overwritten: in a terminal and in a notebook, not in a log file."""
    return is_notebook(stream) or getattr(stream, "isatty", bool)()


def is_notebook(stream):
    """Whether the stream writes below a notebook cell."""
    return type(stream).__module__.partition(".")[0] == "ipykernel"


def epoch_name(epoch, epochs):
    """Name of an epoch, counted from 0: "epoch  3/10", or "epoch 3" if the number of epochs is not known."""
    return f"epoch {epoch + 1}" if epochs is None else f"epoch {epoch + 1:{len(str(epochs))}}/{epochs}"


class ProgressBar(keras.callbacks.Callback):
    """A bar on standard output with the loss, the rate, and the remaining time of the epoch.

    Standard error would be a red box in a notebook. The bar disappears when the epoch is over (see `EpochLines`). Used
    as a context, it leaves the bar on the screen if the epoch is interrupted.

    Parameters
    ----------
    validation : OrderedBatches or None
    epochs : int or None
        Total number, if known.

    Attributes
    ----------
    batches : OrderedBatches
        Set before each fit.
    """

    def __init__(self, validation=None, epochs=None):
        super().__init__()
        self.validation, self.epochs, self.batches, self.bar = validation, epochs, None, None
        self.name, self.phase, self.compiled, self.waiting, self.drawn = "", "", set(), 0, 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close(leave=True)

    def on_epoch_begin(self, epoch, logs=None):
        self.name = epoch_name(epoch, self.epochs)
        self._begin("", self.batches.steps, self.batches.first_step)

    def on_train_batch_end(self, batch, logs=None):
        self._count(logs)

    def on_test_begin(self, logs=None):
        self._begin(" validating", len(self.validation))

    def on_test_batch_end(self, batch, logs=None):
        self._count()

    def on_epoch_end(self, epoch, logs=None):
        self.close()

    def over(self, images):
        """The same images, counted by a bar; for the detection at the end of an epoch."""
        self._begin(" detecting", len(images), unit="image")
        for image in images:
            yield image
            self._count()
        self.close()

    def close(self, leave=False):
        """Remove the bar, or leave it on the screen."""
        if self.bar is not None:
            self.bar.leave = leave
            self.bar.close()
            self.bar = None

    def _begin(self, phase, total, done=0, unit="step"):
        self.close()
        width = WIDEST if is_notebook(sys.stdout) else min(WIDEST, shutil.get_terminal_size().columns - 1)
        note = None if phase in self.compiled else "compiling"
        self.bar = tqdm(desc=self.name + phase, total=total, initial=done, unit=unit, postfix=note, leave=False,
                        file=sys.stdout, ncols=width, mininterval=0, miniters=1)  # fmt: skip
        self.phase, self.waiting, self.drawn = phase, 0, monotonic()

    def _count(self, logs=None):
        if self.phase not in self.compiled:
            self._leave_out_compiling()
            return
        self.waiting += 1
        if monotonic() - self.drawn < INTERVAL:
            return
        if logs:  # fetched from the device only when it is drawn
            self.bar.set_postfix_str(f"loss {float(logs['loss']):.4g}", refresh=False)
        self.bar.update(self.waiting)
        self.waiting, self.drawn = 0, monotonic()

    def _leave_out_compiling(self):
        """Exclude the first step, which compiles: the rate is that of the steps after it."""
        self.bar.n = self.bar.initial = self.bar.last_print_n = self.bar.n + 1
        self.bar.unpause()
        self.bar.set_postfix_str("", refresh=False)
        self.compiled.add(self.phase)
        self.drawn = monotonic()


class EpochLines(keras.callbacks.Callback):
    """Prints one line per epoch: the losses, the score that selects the best epoch, and the seconds that it took.

    The individual losses are in `history.csv`.

    Parameters
    ----------
    records : Records
        Listed before this one among the callbacks.
    progress : Progress
    epochs : int or None
        Total number, if known.
    """

    def __init__(self, records, progress, epochs=None):
        super().__init__()
        self.records, self.progress, self.epochs = records, progress, epochs

    def on_epoch_end(self, epoch, logs=None):
        row = self.records.rows[-1]
        names = dict.fromkeys(("loss", "val_loss", self.progress.monitor))
        values = [f"{name} {row[name]:.4g}" for name in names if name in row]
        seconds = f"{row['seconds']:.{1 if row['seconds'] < 10 else 0}f} s"
        # Flushed at once, for users who follow a log file.
        print(f"{epoch_name(epoch, self.epochs)}: {', '.join([*values, seconds])}", flush=True)
