"""Hardware detection and the settings that depend on it: GPUs, number precision, compilation."""

import contextlib
import functools
import os
import warnings
from pathlib import Path

import keras

from mrcnn.quiet import GPU_DRIVERS


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


@functools.cache
def has_amx():
    """Whether the processor has matrix units for bfloat16 (Intel AMX). On other processors convolutions are far slower
    in bfloat16 than in float32.
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
    """Let TensorFlow run the operations of a detection one after another on the CPU, each on all cores.

    Otherwise the branches of a feature pyramid would run in parallel and compete for the caches. This can only be set
    before TensorFlow's first computation; after that, or if the user has set it, nothing happens.
    """
    if keras.backend.backend() != "tensorflow" or has_gpu() or "TF_NUM_INTEROP_THREADS" in os.environ:
        return
    import tensorflow as tf

    if tf.config.threading.get_inter_op_parallelism_threads() == 0:
        with contextlib.suppress(RuntimeError):  # TensorFlow is already initialised
            tf.config.threading.set_inter_op_parallelism_threads(1)
