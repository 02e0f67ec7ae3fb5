"""History of a training: the measurements of every epoch in `history.csv`, and the `TrainingHistory` from `train`."""

import csv
import math
from pathlib import Path

from mrcnn.errors import DataError


def read_history(path, up_to=None):
    """Rows of a `history.csv` as dicts of numbers, up to epoch `up_to`; an empty list if there is no file."""
    if not Path(path).is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [{k: float(v) if v else math.nan for k, v in row.items()} for row in csv.DictReader(file)]
        rows = [{**row, "epoch": int(row["epoch"])} for row in rows]
        return [row for row in rows if up_to is None or row["epoch"] <= up_to]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(path, f"is not the history of a training ({error})", "Move it away, or restore it") from error


class TrainingHistory(list):
    """The rows of a run's `history.csv`: a list with a dict of numbers for each epoch.

    It is displayed as one line, so a notebook cell may end with `train`. `history` and `epoch` are those of
    `keras.callbacks.History`, for scripts that expect one.

    Parameters
    ----------
    path : str or Path
        The `history.csv`, which need not exist yet.
    """

    def __init__(self, path):
        super().__init__(read_history(path))
        self.path = Path(path)

    @property
    def history(self):
        """The values of each measure by epoch; NaN if it was not measured."""
        names = dict.fromkeys(name for row in self for name in row if name != "epoch")
        return {name: [row.get(name, math.nan) for row in self] for name in names}

    @property
    def epoch(self):
        """The epochs, counted from 0 as Keras does."""
        return [row["epoch"] - 1 for row in self]

    def __repr__(self):
        measured, ends = self.history, []
        if "loss" in measured:
            first, *_, last = measured["loss"] * 2
            ends.append(f"loss {first:.3g} -> {last:.3g}" if len(self) > 1 else f"loss {last:.3g}")
        if math.isfinite(measured.get("val_loss", [math.nan])[-1]):
            ends.append(f"val_loss {measured['val_loss'][-1]:.3g}")
        count = f"{len(self)} epoch{'s' * (len(self) != 1)}"
        return f"History of {count}: {', '.join([*ends, f'see {self.path}'])}"
