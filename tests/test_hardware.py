"""Settings chosen by the hardware."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import keras
import numpy as np
import pytest

from mrcnn import hardware
from mrcnn.config import Config
from mrcnn.hardware import has_gpu

SAMPLE = Path(__file__).resolve().parents[1] / "samples" / "mitochondria"

BEGUN = "import keras; keras.ops.convert_to_numpy(keras.ops.zeros(1))"
THREADS = "import tensorflow as tf; print(tf.config.threading.get_inter_op_parallelism_threads())"


def threads_after(code, **environment):
    """Number of parallel operations set in a fresh program that runs these lines."""
    kept = {k: v for k, v in os.environ.items() if k != "TF_NUM_INTEROP_THREADS"}
    environment = {**kept, "KERAS_BACKEND": "tensorflow", **environment}
    done = subprocess.run([sys.executable, "-c", f"{code}\n{THREADS}"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def test_a_model_leaves_the_threads_alone(tmp_path):
    """A training that is started later in the same program would be slower."""
    settings = "BACKBONE='mobilenetv2', IMAGE_MIN_DIM=64, IMAGE_MAX_DIM=64"
    made = "from mrcnn import MaskRCNN; from mrcnn.config import Config"
    assert threads_after(f"{made}; MaskRCNN('inference', Config(NUM_CLASSES=2, {settings}), {str(tmp_path)!r})") == 0


@pytest.mark.parametrize("script", ["predict", "evaluate"])
def test_scripts_that_only_detect_run_one_operation_at_a_time(script, tmp_path):
    image = tmp_path / "image.png"
    iio.imwrite(image, np.zeros((64, 64), np.uint8))
    given = ["--weights", str(tmp_path / "nothing"), "--out", str(tmp_path / "out")]
    given += [str(image)] if script == "predict" else ["--dataset", "synthetic"]
    code = f"import sys; sys.path.insert(0, {str(SAMPLE)!r}); import {script}; assert {script}.main({given}) == 2"
    assert threads_after(code) == 1


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


# --- Precision ---
@pytest.fixture
def processor(monkeypatch, tmp_path):
    """Callable (text, machine, backend, gpu): computers with this content of /proc/cpuinfo; None: without the file."""
    for name in hardware.ONEDNN_LIMITS:
        monkeypatch.delenv(name, raising=False)
    count = itertools.count()

    def made(text, machine="x86_64", backend="tensorflow", gpu=False):
        file = tmp_path / f"cpuinfo{next(count)}"
        if text is not None:
            file.write_text(text, encoding="utf-8")
        monkeypatch.setattr(hardware, "CPU_INFO", str(file))
        monkeypatch.setattr(hardware, "has_gpu", lambda: gpu)
        monkeypatch.setattr("platform.machine", lambda: machine)
        monkeypatch.setattr("keras.backend.backend", lambda: backend)

    return made


def cores(*flags, name="flags"):
    return "".join(f"processor\t: {i}\nmodel name\t: Some CPU\n{name}\t\t: {own}\n\n" for i, own in enumerate(flags))


ZEN_3, ZEN_4 = "fpu sse2 avx2 fma", "fpu sse2 avx2 fma avx512f avx512_bf16 avx512_vnni"
SAPPHIRE_RAPIDS = "fpu avx512f avx512_bf16 amx_bf16 amx_tile"
SKYLAKE = "fpu avx512f avx512dq avx512_vnni"


@pytest.mark.parametrize(
    ("text", "machine", "expected"),
    [
        (cores(ZEN_4, ZEN_4), "x86_64", "mixed_bfloat16: this processor has AVX512_BF16"),
        (cores(SAPPHIRE_RAPIDS), "x86_64", "mixed_bfloat16: this processor has AMX"),
        (cores(ZEN_3, ZEN_3), "x86_64", "float32: .*has no bfloat16 instructions"),
        (cores(SKYLAKE), "x86_64", "float32: .*has no bfloat16 instructions"),  # oneDNN would emulate them
        (cores("not_avx512_bf16 avx512_bf16x"), "x86_64", "float32: .*has no bfloat16 instructions"),
        (cores(ZEN_4, ZEN_3), "x86_64", "float32: .*has no bfloat16 instructions"),  # a core without
        ("model name : avx512_bf16\n", "x86_64", "float32: .*has no bfloat16 instructions"),
        (None, "AMD64", "float32: .*has no bfloat16 instructions"),  # Windows does not tell
        (
            cores("fp asimd bf16 sve i8mm", name="Features"),
            "aarch64",
            "float32: TensorFlow does not use .* ARM processors",
        ),
        (None, "arm64", "float32: TensorFlow does not use .* ARM processors"),  # Macs
    ],
)
def test_precision_of_processors(text, machine, expected, processor):
    processor(text, machine)
    policy, reason = hardware.precision_choice(Config())
    assert re.fullmatch(expected, reason) and reason.startswith(policy)
    assert hardware.precision_of(Config()) == policy


def test_precision_with_a_gpu_and_with_jax(processor):
    processor(cores(ZEN_3), gpu=True)
    assert hardware.precision_choice(Config()) == ("mixed_bfloat16", "mixed_bfloat16: there is a GPU")
    processor(cores(ZEN_4), backend="jax")
    assert hardware.precision_choice(Config()) == ("float32", "float32: on processors jax is not faster in bfloat16")


@pytest.mark.parametrize("gpu", [True, False])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_precision_as_the_user_says(policy, gpu, processor):
    for flags in (ZEN_3, ZEN_4):
        processor(cores(flags), gpu=gpu)
        for exact in (False, True):
            given = Config(PRECISION=policy, MATTERPORT_EXACT=exact)
            assert hardware.precision_choice(given) == (policy, f"{policy}, as PRECISION says")
        policy_of_exact, reason = hardware.precision_choice(Config(MATTERPORT_EXACT=True))
        assert policy_of_exact == "float32" and "MATTERPORT_EXACT" in reason


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TF_ENABLE_ONEDNN_OPTS", "0", "float32"),
        ("TF_ENABLE_ONEDNN_OPTS", "1", "mixed_bfloat16"),
        ("ONEDNN_MAX_CPU_ISA", "avx2", "float32"),
        ("DNNL_MAX_CPU_ISA", "AVX512_CORE", "float32"),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", "mixed_bfloat16"),
        ("ONEDNN_MAX_CPU_ISA", "DEFAULT", "mixed_bfloat16"),
    ],
)
def test_instructions_that_tensorflow_was_told_not_to_use(name, value, expected, processor, monkeypatch):
    processor(cores(ZEN_4))
    monkeypatch.setenv(name, value)
    policy, reason = hardware.precision_choice(Config())
    assert policy == expected and (f"{name}={value}" in reason) == (expected == "float32")


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells the features of a processor.")
def test_the_features_of_this_processor():
    assert hardware.cpu_flags() and hardware.cpu_flags() <= set(Path("/proc/cpuinfo").read_text().lower().split())


@pytest.mark.skipif(has_gpu(), reason="A GPU computes in bfloat16.")
def test_tests_are_in_float32_whatever_the_processor():
    assert hardware.precision_of(Config()) == "float32"


# --- GPUs ---
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
