"""What the machine computes quickly in."""

import contextlib
import functools
import os
import warnings
from pathlib import Path

import keras

from mrcnn.quiet import GPU_DRIVERS


def has_gpu():
    """Whether TensorFlow sees a GPU, or JAX a GPU or TPU; False with other backends.

    A warning is given where there is a driver of a GPU and TensorFlow sees none.
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
    """Say once that a GPU stays unused: TensorFlow's own words on it are among its warnings, which are not shown."""
    driver = next(filter(os.path.exists, GPU_DRIVERS), None)
    if driver and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1"):
        warnings.warn(
            f"There is the driver of a GPU ({driver}), but TensorFlow sees none and computes on the CPU. Install its "
            "GPU libraries (NVIDIA: pip install 'tensorflow[and-cuda]'); TF_CPP_MIN_LOG_LEVEL=0 shows what it lacks.",
            stacklevel=3,
        )


@functools.cache
def has_amx():
    """Whether the processor has matrix units for bfloat16 (Intel AMX). Other processors convolve bfloat16 far slower
    than float32.
    """
    try:
        return " amx_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def precision_of(config):
    """Keras dtype policy for `config.PRECISION`: "auto" is bfloat16 on GPUs and on CPUs with AMX, float32 elsewhere."""
    if config.PRECISION != "auto":
        return config.PRECISION
    return "mixed_bfloat16" if has_gpu() or has_amx() else "float32"


def jit_choice():
    """`jit_compile` for Keras: TensorFlow's own kernels (oneDNN, NMS) beat XLA here, and JAX always compiles."""
    return False if keras.backend.backend() == "tensorflow" else "auto"


def one_operation_at_a_time():
    """Let TensorFlow run the operations of a detection one after the other on a CPU, each on all cores.

    The branches of a feature pyramid would else be run beside one another, and take the caches from each other. Can
    only be chosen before TensorFlow's first computation, and later nothing happens; nor where somebody has chosen.
    """
    if keras.backend.backend() != "tensorflow" or has_gpu() or "TF_NUM_INTEROP_THREADS" in os.environ:
        return
    import tensorflow as tf

    if tf.config.threading.get_inter_op_parallelism_threads() == 0:
        with contextlib.suppress(RuntimeError):  # TensorFlow has begun
            tf.config.threading.set_inter_op_parallelism_threads(1)
