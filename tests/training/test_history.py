"""`TrainingHistory`: the rows of `history.csv`, displayed as one line."""

import math
import pickle

import pytest
from IPython.lib.pretty import pretty

from mrcnn.errors import DataError
from mrcnn.training.history import TrainingHistory, read_history

ROWS = "epoch,seconds,loss,val_loss\n1,60.5,2.3123,\n2,30.0,1.5,1.25\n3,31.0,0.71234,0.8\n"


@pytest.fixture
def history(tmp_path):
    """A function that returns the history of a file with the given text."""

    def make(text):
        (tmp_path / "history.csv").write_text(text, encoding="utf-8")
        return TrainingHistory(tmp_path / "history.csv")

    return make


def test_no_file_and_an_invalid_file(tmp_path, history):
    assert read_history(tmp_path / "history.csv") == TrainingHistory(tmp_path / "history.csv") == []
    with pytest.raises(DataError, match="history.csv: is not the history of a training"):
        history("epoch,loss\n1,abc\n")


def test_it_is_the_list_of_rows(history):
    found = history(ROWS)
    assert isinstance(found, list) and [row["loss"] for row in found] == [2.3123, 1.5, 0.71234]
    assert found[1:] == read_history(found.path)[1:] and sum(row["seconds"] for row in found) == 121.5
    again = pickle.loads(pickle.dumps(found))
    assert again[1:] == found[1:] and again.path == found.path and repr(again) == repr(found)


def test_it_can_be_used_as_keras_history(history):
    found = history(ROWS)
    assert found.epoch == [0, 1, 2] and list(found.history) == ["seconds", "loss", "val_loss"]
    assert found.history["loss"] == [2.3123, 1.5, 0.71234]
    assert math.isnan(found.history["val_loss"][0]) and found.history["val_loss"][1:] == [1.25, 0.8]


@pytest.mark.parametrize(
    "text, shown",
    [
        (ROWS, "History of 3 epochs: loss 2.31 -> 0.712, val_loss 0.8, see "),
        ("epoch,loss,val_loss\n1,2.0,\n", "History of 1 epoch: loss 2, see "),
        ("epoch,seconds\n1,2.0\n", "History of 1 epoch: see "),
        ("epoch,loss\n", "History of 0 epochs: see "),
    ],
)
def test_it_is_shown_as_one_line(text, shown, history):
    found = history(text)
    assert repr(found) == pretty(found) == f"{shown}{found.path}"  # IPython prints the items of a list itself
