"""Training on devices that share each batch: the same losses and weights as on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from mrcnn.config import LOSS_NAMES
from mrcnn.errors import ConfigError
from mrcnn.training import devices

SCRIPT = Path(__file__).parent / "two_devices.py"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Output of the script; devices can only be divided before a backend starts, so it is a separate process."""
    folder = tmp_path_factory.mktemp("devices")
    environment = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}
    done = subprocess.run([sys.executable, str(SCRIPT), str(folder)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.long
def test_a_batch_shared_by_two_has_the_losses_of_the_whole(results):
    one, two = results[0]["one"], results[0]["two"]
    assert one["devices"] == [] and len(two["devices"]) == 2
    assert len(one["rows"]) == len(two["rows"]) == 2
    # The first step agrees exactly; the second one as far as rounding leaves the same proposals.
    for row, other, near in zip(one["rows"], two["rows"], (1e-5, 5e-3)):
        for name in ("loss", *LOSS_NAMES):
            assert float(row[name]) == pytest.approx(float(other[name]), rel=near), name


@pytest.mark.long
def test_weights_after_shared_steps_are_the_same(results):
    one, two = (results[0][key]["weights"] for key in ("one", "two"))
    assert len(one) == len(two) > 20
    for value, other in zip(one.values(), two.values()):
        assert value == pytest.approx(other, rel=1e-3, abs=1e-5)


@pytest.mark.long
def test_a_message_for_more_devices_than_exist(results):
    found, said = results
    assert found["three"] == []
    assert f"GPU_COUNT is 3, but {keras.backend.backend()} finds 2 devices here: one device processes all" in said


def test_batches_that_cannot_be_divided_evenly(tiny, monkeypatch):
    monkeypatch.setattr(devices, "_all_devices", lambda: ["gpu:0", "gpu:1", "gpu:2"])
    assert devices.devices_for(tiny.config(GPU_COUNT=2)) == ["gpu:0", "gpu:1"]
    assert devices.devices_for(tiny.config(GPU_COUNT=1)) == []
    with pytest.raises(ConfigError, match="batch of 3 images cannot be divided evenly among GPU_COUNT = 2 devices"):
        devices.devices_for(tiny.config(GPU_COUNT=2, BATCH_SIZE=3))


@pytest.mark.parametrize("count, said", [(1, "1 device here"), (2, "2 devices here")])
def test_the_message_gives_the_number_of_devices(tiny, monkeypatch, capsys, count, said):
    monkeypatch.setattr(devices, "_all_devices", lambda: ["gpu"] * count)
    assert devices.devices_for(tiny.config(GPU_COUNT=4)) == []
    assert f"{said}: one device processes all 8 images of a batch." in capsys.readouterr().out
