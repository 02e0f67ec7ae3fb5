"""Hardware detection and the settings that depend on it: GPUs, number precision, compilation."""

import contextlib
import functools
import os
import platform
import sys
import warnings
from pathlib import Path

import keras

from mrcnn.quiet import GPU_DRIVERS

CPU_INFO = "/proc/cpuinfo"
# What Linux calls the bfloat16 instructions of x86 processors, and what people call them.
BFLOAT16_FLAGS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512_BF16"}
# Values of environment variables with which TensorFlow's kernels (oneDNN) do not use these instructions.
_WITHOUT_BFLOAT16 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI")
ONEDNN_LIMITS = {
    "TF_ENABLE_ONEDNN_OPTS": ("0", "FALSE"),
    "ONEDNN_MAX_CPU_ISA": _WITHOUT_BFLOAT16,
    "DNNL_MAX_CPU_ISA": _WITHOUT_BFLOAT16,
}


def has_gpu():
    """Whether TensorFlow finds a GPU, or JAX a GPU or TPU; False with other backends.

    Warns if a GPU driver is installed but TensorFlow finds no GPU.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = bool(tf.config.list_physical_devices("GPU"))
        if not found:
            _warn_of_driver()
        return found
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() in ("gpu", "tpu")
    return False


@functools.cache
def _warn_of_driver():
    """Warn once that a GPU is not used: TensorFlow's own message is among its warnings, which are not shown."""
    driver = next(filter(os.path.exists, GPU_DRIVERS), None)
    if driver and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):
        warnings.warn(
            f"A GPU driver is installed ({driver}), but TensorFlow finds no GPU and uses the CPU. Install its "
            "GPU libraries (NVIDIA: pip install 'tensorflow[and-cuda]'); TF_CPP_MIN_LOG_LEVEL=0 shows what is missing.",
            stacklevel=3,
        )


def cpu_flags():
    """Names of the processor's features (set of str, lower case), as Linux reports them; empty on other systems."""
    return _flags_in(CPU_INFO)


@functools.cache
def _flags_in(path):
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    fields = (line.partition(":") for line in lines)
    # "flags" on x86, "Features" on ARM; once per core, and a core that is different (big.LITTLE) does not count.
    found = [frozenset(text.lower().split()) for name, _, text in fields if name.strip() in ("flags", "Features")]
    return frozenset.intersection(*found) if found else frozenset()


def precision_choice(config):
    """Keras dtype policy for `config.PRECISION`, and the reason for it.

    "auto" is bfloat16 where it is faster: on GPUs, and with TensorFlow on x86 processors that have instructions for it
    and Linux, which tells so. It is float32 elsewhere, and with MATTERPORT_EXACT, which reproduces the original's
    numbers.

    Returns
    -------
    policy : {"float32", "mixed_bfloat16"}
    reason : str
        A sentence that begins with the policy.
    """
    if config.PRECISION != "auto":
        return config.PRECISION, f"{config.PRECISION}, as PRECISION says"
    if config.MATTERPORT_EXACT:
        return "float32", "float32: MATTERPORT_EXACT reproduces the original, which computes in float32"
    if has_gpu():
        return "mixed_bfloat16", "mixed_bfloat16: there is a GPU"
    policy, why = _cpu_choice()
    return policy, f"{policy}: {why}"


def _cpu_choice():
    """Policy and reason for "auto" on a processor."""
    if keras.backend.backend() != "tensorflow":
        # XLA computes bfloat16 convolutions in float32, so the conversions only cost time: with JAX 0.12 on a Zen 5,
        # convolutions take 1.16 times as long as in float32, with gradients 1.08 times. Not measured with AMX.
        return "float32", f"on processors {keras.backend.backend()} is not faster in bfloat16"
    if platform.machine().lower() in ("arm64", "aarch64"):
        # TensorFlow leaves bfloat16 to oneDNN only if there is AVX-512; its own kernels are slow. Not measured.
        return "float32", "TensorFlow does not use the bfloat16 instructions of ARM processors"
    found = next((name for flag, name in BFLOAT16_FLAGS.items() if flag in cpu_flags()), None)
    if found is None:
        # AVX-512 alone (Skylake) is not enough: oneDNN then emulates bfloat16, at a third of the speed of float32.
        unknown = "" if sys.platform == "linux" else "as far as is known, "
        return "float32", f"{unknown}this processor has no bfloat16 instructions"
    for variable, values in ONEDNN_LIMITS.items():
        value = os.environ.get(variable, "")
        if value.upper() in values:
            return "float32", f"{variable}={value} turns off the bfloat16 instructions of this processor"
    # Measured on a Zen 5: convolutions are 1.9 times as fast as in float32, trainings and detections 1.5 to 1.6 times.
    return "mixed_bfloat16", f"this processor has {found}"


def precision_of(config):
    """Keras dtype policy for `config.PRECISION` (see `precision_choice`)."""
    return precision_choice(config)[0]


def jit_choice():
    """`jit_compile` for Keras: TensorFlow's own kernels (oneDNN, NMS) beat XLA here, and JAX always compiles."""
    return False if keras.backend.backend() == "tensorflow" else "auto"


def one_operation_at_a_time():
    """Let TensorFlow run the operations of a detection one after another on the CPU, each on all cores.

    Otherwise the branches of a feature pyramid would run in parallel and compete for the caches. It is for programs
    that only detect, because it applies to the whole process and a training is slower with it. (TensorFlow's executor
    of one thread, which can be chosen for single functions, made no detection faster.) This can only be set before
    TensorFlow's first computation; after that, or if the user has set it, nothing happens.
    """
    if keras.backend.backend() != "tensorflow" or has_gpu() or "TF_NUM_INTEROP_THREADS" in os.environ:
        return
    import tensorflow as tf

    if tf.config.threading.get_inter_op_parallelism_threads() == 0:
        with contextlib.suppress(RuntimeError):  # TensorFlow is already initialised
            tf.config.threading.set_inter_op_parallelism_threads(1)
