"""A training limited by hours, with a clock that the test moves."""

import types

import pytest

from mrcnn.config import SemanticConfig
from mrcnn.errors import ConfigError
from mrcnn.training import time_budget as module
from mrcnn.training.checkpoints import Progress
from mrcnn.training.time_budget import TimeBudget

RATE = 0.01


class Steps:
    steps, first_step = 10, 0

    def __len__(self):
        return self.steps - self.first_step


@pytest.fixture
def clock(monkeypatch):
    """An object whose `now` is the time in seconds."""
    made = types.SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "monotonic", lambda: made.now)
    return made


def budget(seconds, rows=(), stage_start=0, step=0, **settings):
    records = types.SimpleNamespace(rows=[{"epoch": e, "seconds": s} for e, s in rows])
    progress = Progress(stage_start, step, stage_start=stage_start, learning_rate=RATE)
    made = TimeBudget(seconds / 3600, records, progress, SemanticConfig(**settings))
    made.batches = Steps()
    made.set_model(types.SimpleNamespace(optimizer=types.SimpleNamespace(learning_rate=None), stop_training=False))
    return made


def trained(callback, clock, first=0, step_seconds=1.0, compiling=0.0, validating=0.0):
    """The learning rates of the epochs until the callback stops the training; every third epoch has validation."""
    callback.on_train_begin()
    epoch, rates = first, []
    while not callback.model.stop_training:
        callback.on_epoch_begin(epoch)
        rates.append(callback.model.optimizer.learning_rate)
        for batch in range(len(callback.batches)):
            clock.now += step_seconds + (compiling if not rates[1:] and batch == 0 else 0)
            callback.on_train_batch_end(batch)
        clock.now += validating if (epoch + 1) % 3 == 0 else 0
        callback.on_epoch_end(epoch)
        epoch += 1
    return rates


def test_no_epoch_begins_that_would_not_end_in_time(clock, capsys):
    start = clock.now
    assert len(trained(budget(95), clock)) == 9
    assert clock.now - start == 90 and "over after 9 epochs" in capsys.readouterr().out


def test_an_epoch_with_validation_takes_longer_than_the_one_before(clock):
    start = clock.now
    assert len(trained(budget(95, VALIDATE_EVERY=3), clock, validating=20)) == 5  # the sixth would end at 100
    assert clock.now - start == 70


def test_the_learning_rate_follows_the_time(clock):
    rates = trained(budget(100), clock)
    assert rates[0] == pytest.approx(RATE) and rates == sorted(rates, reverse=True)
    assert rates[5] == pytest.approx(RATE * (0.01 + 0.99 / 2)) and rates[-1] < 0.05 * RATE
    assert set(trained(budget(100, LEARNING_RATE_SCHEDULE="constant"), clock)) == {RATE}
    warm = trained(budget(100, LEARNING_RATE_SCHEDULE="constant", WARMUP_STEPS=30), clock)
    assert warm[0] == pytest.approx(RATE * (0.1 + 0.9 * 5 / 30)) and warm[3:] == [RATE] * 7
    assert warm[0] < warm[1] < warm[2] < RATE


def test_time_before_a_kill_counts(clock, capsys):
    again = budget(100, rows=[(1, 500.0), (2, 30.0), (3, 30.0)], stage_start=1)
    assert not again.is_over() and len(trained(again, clock, first=3)) == 4
    assert budget(60, rows=[(1, 30.0), (2, 30.0)]).is_over() and "nothing is left to train" in capsys.readouterr().out


def test_a_resumed_training_begins_no_epoch_that_would_not_end_in_time(clock, capsys):
    assert budget(99, rows=[(1, 30.0), (2, 40.0)]).is_over() and "nothing is left to train" in capsys.readouterr().out
    assert not budget(110, rows=[(1, 30.0), (2, 40.0)]).is_over()
    assert not budget(99, rows=[(1, 30.0), (2, 40.0)], step=9).is_over()  # one step of its epoch is left


@pytest.mark.parametrize(("seconds", "after"), [(3, 4), (6, 5), (8, 9)])
def test_the_error_for_too_little_time_comes_as_soon_as_it_is_clear(seconds, after, clock):
    """When the time is over, or when an estimate from the first steps far exceeds it."""
    start = clock.now
    with pytest.raises(ConfigError, match=r"hours = .* is too short for one epoch: its 10 steps take about 0.0\d+ ho"):
        trained(budget(seconds), clock)
    assert clock.now - start == after


def test_compiling_does_not_count_as_the_duration_of_a_step(clock):
    assert len(trained(budget(40), clock, compiling=20)) == 1
