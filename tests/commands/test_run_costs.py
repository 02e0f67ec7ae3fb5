"""Costs of a run."""

import sys

import numpy as np
import pytest

from mrcnn.commands.run_costs import epoch_seconds, peak_mb, restart_peak


def test_seconds_are_those_of_the_median_epoch(tmp_path):
    (tmp_path / "best.h5").touch()
    assert epoch_seconds(tmp_path / "best.h5") is None
    (tmp_path / "history.csv").write_text("epoch,loss\n1,0.5\n")
    assert epoch_seconds(tmp_path) is None
    (tmp_path / "history.csv").write_text("epoch,seconds\n1,90\n2,10\n3,12\n")
    assert epoch_seconds(tmp_path) == epoch_seconds(tmp_path / "best.h5") == 12
    assert epoch_seconds(tmp_path / "missing") is None


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="The peak is read from /proc.")
def test_the_peak_of_memory_covers_what_is_allocated():
    assert restart_peak() in (True, False)
    size = 2 * peak_mb()
    assert np.ones(int(size * 2**20), np.uint8)[-1] == 1
    assert size < peak_mb() < 3 * size
