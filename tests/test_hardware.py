"""Settings chosen by the hardware."""

import os
import subprocess
import sys

import keras
import pytest

from mrcnn import hardware

BEGUN = "import keras; keras.ops.convert_to_numpy(keras.ops.zeros(1))"
THREADS = "import tensorflow as tf; print(tf.config.threading.get_inter_op_parallelism_threads())"


def threads_after(code, **environment):
    """Number of parallel operations set in a fresh program that runs these lines."""
    kept = {k: v for k, v in os.environ.items() if k != "TF_NUM_INTEROP_THREADS"}
    environment = {**kept, "KERAS_BACKEND": "tensorflow", **environment}
    done = subprocess.run([sys.executable, "-c", f"{code}\n{THREADS}"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def test_threads_of_detection_and_training():
    new = "from mrcnn.engine.segmenter import SemanticSegmenter as S; from mrcnn.config import Config; S({!r}, Config("
    settings = "NUM_CLASSES=2, BACKBONE='mobilenetv2', IMAGE_MIN_DIM=64, IMAGE_MAX_DIM=64), 'logs')"
    assert threads_after(new.format("inference") + settings) == 1
    assert threads_after(new.format("training") + settings) == 0


CHOOSE = "from mrcnn.hardware import one_operation_at_a_time as choose; choose()"


@pytest.mark.parametrize(
    ("before", "environment", "expected"),
    [
        ("", {}, 1),
        ("import tensorflow as tf; tf.config.threading.set_inter_op_parallelism_threads(3)", {}, 3),
        ("", {"TF_NUM_INTEROP_THREADS": "2"}, 0),  # TensorFlow reads it itself
        (BEGUN, {}, 0),
    ],
)
def test_what_the_user_chose_stays(before, environment, expected):
    assert threads_after(f"{before}\n{CHOOSE}", **environment) == expected


@pytest.mark.parametrize(
    ("gpu", "amx", "expected"),
    [(True, False, "mixed_bfloat16"), (False, True, "mixed_bfloat16"), (False, False, "float32")],
)
def test_precision(monkeypatch, gpu, amx, expected):
    class Given:
        PRECISION = "auto"

    monkeypatch.setattr(hardware, "has_gpu", lambda: gpu)
    monkeypatch.setattr(hardware, "has_amx", lambda: amx)
    assert hardware.precision_of(Given()) == expected
    Given.PRECISION = "float32"
    assert hardware.precision_of(Given()) == "float32"


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Other backends report it themselves.")
def test_a_gpu_that_tensorflow_does_not_find_gives_a_warning(monkeypatch, tmp_path):
    driver = tmp_path / "nvidiactl"
    monkeypatch.setattr(hardware, "GPU_DRIVERS", (str(driver),))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda *_: [])
    hardware._warn_of_driver.cache_clear()
    assert not hardware.has_gpu()  # no driver, no warning
    driver.touch()
    hardware._warn_of_driver.cache_clear()
    with pytest.warns(UserWarning, match="nvidiactl.*tensorflow\\[and-cuda\\]"):
        assert not hardware.has_gpu()
    hardware._warn_of_driver.cache_clear()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert not hardware.has_gpu()  # hidden on purpose
    hardware._warn_of_driver.cache_clear()
