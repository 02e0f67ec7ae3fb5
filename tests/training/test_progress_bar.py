"""Progress output of a training, in a terminal, in a notebook and in a log file."""

import io
import re
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import ConfigError
from mrcnn.training import progress_bar
from mrcnn.training.checkpoints import Progress
from mrcnn.training.progress_bar import WIDEST, EpochLines, ProgressBar, epoch_name, shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Notebook(io.StringIO):
    __module__ = "ipykernel.iostream"


class Bare:
    """What some programs use in place of standard output."""

    def write(self, text):
        pass


class Loss:
    """A loss that is on a device."""

    fetched = 0

    def __float__(self):
        self.fetched += 1
        return 1.2345


def batches(steps, first_step=0):
    return types.SimpleNamespace(steps=steps, first_step=first_step)


@pytest.fixture
def screen(monkeypatch):
    """A terminal as standard output, on which each step is drawn."""
    screen = Terminal()
    monkeypatch.setattr(progress_bar, "sys", types.SimpleNamespace(stdout=screen))  # sys.stdout is pytest's again
    monkeypatch.setattr(progress_bar, "INTERVAL", 0)
    return screen


def frames(screen):
    return [frame for frame in screen.getvalue().split("\r") if frame.strip()]


# --- What is to be shown ---
@pytest.mark.parametrize(
    "stream, verbose, expected",
    [
        (Terminal(), "auto", (True, True)),
        (Notebook(), "auto", (True, True)),
        (io.StringIO(), "auto", (False, True)),
        (Bare(), "auto", (False, True)),
        (None, "auto", (False, True)),
        (None, 1, (False, True)),
        (io.StringIO(), 1, (True, True)),
        (Terminal(), 2, (False, True)),
        (Terminal(), 0, (False, False)),
        (Notebook(), 0, (False, False)),
    ],
)
def test_what_is_shown(stream, verbose, expected, monkeypatch):
    monkeypatch.setattr("sys.stdout", stream)
    assert shown(verbose) == expected


@pytest.mark.parametrize("verbose", [3, -1, "loud", None])
def test_other_values_are_refused(verbose):
    with pytest.raises(ConfigError, match=f"verbose must be 'auto', 0 .* not {verbose!r}"):
        shown(verbose)


@given(st.integers(1, 2000), st.data())
def test_names_of_epochs_are_equally_long(epochs, data):
    epoch = data.draw(st.integers(0, epochs - 1))
    assert len(epoch_name(epoch, epochs)) == len(epoch_name(epochs - 1, epochs))
    assert [int(n) for n in re.findall(r"\d+", epoch_name(epoch, epochs))] == [epoch + 1, epochs]
    assert epoch_name(epoch, None) == f"epoch {epoch + 1}"


# --- The bar ---
def test_an_epoch_from_its_first_step_to_its_end(screen):
    bar = ProgressBar([None] * 2, 10)
    bar.batches = batches(8, first_step=5)  # the rest of an interrupted epoch
    with bar:
        bar.on_epoch_begin(2)
        for step in range(3):
            bar.on_train_batch_end(step, {"loss": Loss()})
        bar.on_test_begin()
        for step in range(2):
            bar.on_test_batch_end(step)
        bar.on_epoch_end(2)
        assert list(bar.over(["a", "b"])) == ["a", "b"]
    drawn = frames(screen)
    assert "epoch  3/10: " in drawn[0] and "5/8" in drawn[0] and "compiling" in drawn[0]
    trained = [frame for frame in drawn if "loss 1.234" in frame or "loss 1.235" in frame]
    assert [re.search(r"\d/8", frame)[0] for frame in trained] == ["7/8", "8/8"]
    assert all(re.search(r"\[\d\d:\d\d<\d\d:\d\d, .*step.*, loss", frame) for frame in trained)
    for phase, unit in (("validating", "step"), ("detecting", "image")):
        counted = [frame for frame in drawn if f"epoch  3/10 {phase}: " in frame and unit in frame]
        assert "0/2" in counted[0] and "compiling" in counted[0] and "2/2" in counted[-1]
    # Nothing stays, and nothing has begun another line.
    assert "\n" not in screen.getvalue() and screen.getvalue().split("\r")[-2:] == [" " * len(drawn[-1]), ""]


@pytest.mark.parametrize("columns, widest", [("60", 59), ("300", WIDEST)])
def test_a_bar_fits_into_the_terminal(columns, widest, screen, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    bar = ProgressBar()
    bar.batches = batches(3)
    bar.on_epoch_begin(0)
    for step in range(3):
        bar.on_train_batch_end(step, {"loss": 1.0})
    bar.on_epoch_end(0)
    assert {len(frame) for frame in frames(screen)} == {widest}


def test_a_loss_is_fetched_only_when_it_is_drawn(screen, monkeypatch):
    bar, loss = ProgressBar(), Loss()
    bar.batches = batches(100)
    bar.on_epoch_begin(0)
    monkeypatch.setattr(progress_bar, "INTERVAL", 3600)
    for step in range(100):
        bar.on_train_batch_end(step, {"loss": loss})
    assert loss.fetched == 0 and len(frames(screen)) == 1
    bar.close()


@given(st.integers(0, 5), st.lists(st.floats(0, 2), min_size=1, max_size=20))
def test_every_step_is_counted_once(first, waits):
    """However long the steps take, and whichever of them are drawn."""
    now = [0.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", Terminal())
        patch.setattr(progress_bar, "monotonic", lambda: now[0])
        bar = ProgressBar()
        bar.batches = batches(first + len(waits), first)
        bar.on_epoch_begin(0)
        for done, wait in enumerate(waits, start=first + 1):
            now[0] += wait
            bar.on_train_batch_end(done, {"loss": 1.0})
            assert bar.bar.n + bar.waiting == done
        bar.close()


def test_an_interrupted_epoch_leaves_its_bar(screen):
    """What comes next, the error, begins on a new line."""
    with pytest.raises(KeyboardInterrupt), ProgressBar() as bar:
        bar.batches = batches(9)
        bar.on_epoch_begin(0)
        for step in range(4):
            bar.on_train_batch_end(step, {"loss": 1.0})
        raise KeyboardInterrupt
    assert "4/9" in frames(screen)[-1] and screen.getvalue().endswith("\n")


# --- The lines ---
@pytest.mark.parametrize(
    "monitor, row, line",
    [
        ("val_threat_score", {"loss": 1 / 3, "val_loss": 2.0, "val_threat_score": 0.4321, "rpn_class_loss": 0.1,
                              "seconds": 68.4}, "epoch  3/12: loss 0.3333, val_loss 2, val_threat_score 0.4321, 68 s"),
        ("val_loss", {"loss": 1.0, "val_loss": 2.5, "seconds": 9.94}, "epoch  3/12: loss 1, val_loss 2.5, 9.9 s"),
        # Measured every fourth epoch (VALIDATE_EVERY).
        ("val_threat_score", {"loss": 12345.678, "seconds": 3.0}, "epoch  3/12: loss 1.235e+04, 3.0 s"),
    ],
)  # fmt: skip
def test_the_line_of_an_epoch(monitor, row, line, capsys):
    records = types.SimpleNamespace(rows=[{"epoch": 2, "loss": 9.0, "seconds": 1.0}, {"epoch": 3, **row}])
    EpochLines(records, Progress(0, monitor=monitor), 12).on_epoch_end(2)
    assert capsys.readouterr().out == line + "\n"


@given(st.floats(allow_nan=True), st.floats(allow_nan=True), st.floats(0, 1), st.floats(0, 1e6))
def test_no_line_is_longer_than_a_hundred_characters(loss, val_loss, score, seconds):
    row = {"loss": loss, "val_loss": val_loss, "val_foreground_iou": score, "seconds": seconds}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", io.StringIO())
        lines = EpochLines(types.SimpleNamespace(rows=[row]), Progress(0, monitor="val_foreground_iou"), 1000)
        lines.on_epoch_end(0)
        text = progress_bar.sys.stdout.getvalue()
    assert text.endswith(" s\n") and len(text) <= 101
