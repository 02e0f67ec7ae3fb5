"""What the machine computes quickly in."""

import functools
from pathlib import Path

import keras


def has_gpu():
    """Whether the backend sees a GPU."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() in ("gpu", "tpu")
    return False


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
    """The Keras dtype policy that `config.PRECISION` stands for: "auto" is bfloat16 on GPUs and AMX, float32 elsewhere.
    """
    if config.PRECISION != "auto":
        return config.PRECISION
    return "mixed_bfloat16" if has_gpu() or has_amx() else "float32"


def jit_choice():
    """Value of `jit_compile` for Keras: TensorFlow's own kernels (oneDNN, NMS) beat XLA here, and JAX always compiles.
    """
    return False if keras.backend.backend() == "tensorflow" else "auto"
