"""Import TensorFlow without the banners that it writes to standard error about itself.

A dozen lines that say nothing about anybody's data (how sums are rounded, which instructions the processor has, that
there is no GPU) head every program and, in red, every notebook. TF_CPP_MIN_LOG_LEVEL does not stop those of the
import: TensorFlow writes them before it reads that variable. So what is written while TensorFlow is imported goes
through a filter, which drops the known banners and passes on everything else. With TF_CPP_MIN_LOG_LEVEL=0 nothing is
dropped.
"""

import contextlib
import functools
import os
import re
import sys
import threading

# Whole lines are dropped that contain one of these, whatever time, process and source file they begin with.
BANNERS = re.compile(
    b"|".join([
        # The heading of what is logged before the logging is set up.
        rb"All log messages before absl::InitializeLog\(\) is called are written to STDERR",
        # port.cc: how sums are rounded on a CPU.
        rb"oneDNN custom operations are on\.",
        # cudart_stub.cc: no CUDA library. Where there is a GPU that cannot be used another message says so and remains.
        rb"Could not find cuda drivers on your machine, GPU will not be used\.",
        # cpu_feature_guard.cc, in two lines: instructions of the processor that another build would use.
        rb"This TensorFlow binary is optimized to use available CPU instructions",
        rb"^To enable the following instructions: .* rebuild TensorFlow",
        # cuda_fft.cc, cuda_dnn.cc, cuda_blas.cc, computation_placer.cc: TensorFlow registers its own parts twice.
        rb"Unable to register cu(FFT|DNN|BLAS) factory: Attempting to register factory for plugin",
        rb"computation placer already registered\.",
        # py_utils.cc: an optional library that is not used here.
        rb"TF-TRT Warning: Could not find TensorRT",
        # cuda_platform.cc: asking for GPUs where there are none (see `_ask_for_devices`).
        rb"failed call to cuInit: .*(UNKNOWN ERROR \(303\)|CUDA_ERROR_NO_DEVICE)",
        # util.cc: one of two libraries leaves integers to the other (see `run_first_graph`).
        rb"oneDNN supports DT_\w+ only on platforms with AVX-512",
    ])
)  # fmt: skip

# Any of these is there where a GPU may be: of NVIDIA, under WSL, on a Jetson, of AMD.
GPU_DRIVERS = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/dxg", "/dev/nvmap", "/dev/kfd")
_ONE_AT_A_TIME = threading.RLock()  # there is one standard error
SECONDS_TO_END = 5  # given to the filter once the import is over


def watch_imports():
    """Filter the import of TensorFlow, whoever imports it; nothing is imported by this."""
    # This module may have been imported anew, as where a notebook forgets the package and imports another state of it.
    sys.meta_path[:] = [_FINDER, *(f for f in sys.meta_path if type(f).__qualname__ != _QuietTensorFlow.__qualname__)]


class _QuietTensorFlow:
    """Finds TensorFlow as the other finders do, and lets it be executed quietly."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((found for found in others if found is not None), None)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader)
        return spec


_FINDER = _QuietTensorFlow()


class _Loader:
    """In the place of a loader until its module is executed."""

    def __init__(self, loader):
        self.loader = loader

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self.loader
        # Once it is imported TensorFlow heeds the level. 2 is errors only: its warnings are dozens of long lines on
        # what it failed to estimate about our graphs.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        if _shows_all():
            self.loader.exec_module(module)
            return
        with without_banners():
            self.loader.exec_module(module)
            _ask_for_devices(module)


def _shows_all():
    return os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0"


def _ask_for_devices(tensorflow):
    """Let TensorFlow look for GPUs now where there are none: the first computation would, and complain.

    Where there may be one nothing is asked: a process that has begun with CUDA cannot be forked any more, nor can it
    choose by CUDA_VISIBLE_DEVICES.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if sys.platform == "linux" and (hidden or not any(map(os.path.exists, GPU_DRIVERS))):
        with contextlib.suppress(Exception):  # whoever needs the devices will ask again, and is told
            tensorflow.config.list_physical_devices()


@functools.cache
def run_first_graph():
    """Let TensorFlow complain, once a process, that its graphs hold integers, where the complaint is dropped.

    For whoever is about to build a model: devices cannot be configured after it.
    """
    import tensorflow as tf

    if not _shows_all() and tf.executing_eagerly():
        with without_banners():
            tf.function(tf.transpose, autograph=False)(tf.ones((2, 2), tf.int32))


@contextlib.contextmanager
def without_banners():
    """Pass on what is written to standard error meanwhile, by compiled code as well, but no line of `BANNERS`.

    The file descriptor leads to a process of its own. A thread could not read what is written: the import of compiled
    code holds the interpreter's lock. And if TensorFlow ends this process (on a processor that it was not built for),
    its last words, and those of `faulthandler`, still arrive.
    """
    with _ONE_AT_A_TIME, contextlib.ExitStack() as stack:
        if sys.__stderr__ is not None:  # None: as under pythonw, and descriptor 2 may be any file
            with contextlib.suppress(OSError):
                _filter(stack)
        yield


def _filter(stack):
    """Lead descriptor 2 through the filter until the stack is closed; leave it where there is no filter."""
    saved = os.dup(2)
    stack.callback(os.close, saved)
    process = _start(saved)
    if process is None:
        return
    stack.callback(_end, process)
    with process.stdin, process.stderr:
        # It says that it has begun. Where no Python can be started nothing must be lost.
        if process.stderr.read(1) == b"\n":
            _flush()
            os.dup2(process.stdin.fileno(), 2)
            stack.callback(os.dup2, saved, 2)
            stack.callback(_flush)


def _start(target):
    """The filter as a process that writes to a file descriptor; None where this is no plain Python."""
    import subprocess

    if getattr(sys, "frozen", False) or not os.path.basename(sys.executable or "").lower().startswith("python"):
        return None
    return subprocess.Popen(
        [sys.executable, "-S", "-P", __file__],
        stdin=subprocess.PIPE,
        stdout=target,
        stderr=subprocess.PIPE,
        bufsize=0,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


def _end(process):
    import subprocess

    with contextlib.suppress(subprocess.TimeoutExpired):  # then a child of the import still writes to it
        process.wait(SECONDS_TO_END)


def _flush():
    with contextlib.suppress(AttributeError, OSError, ValueError):  # of whatever has been put in its place
        sys.stderr.flush()


def pass_on(source, target):
    """Copy lines from one binary file to another, as they come, without those of `BANNERS`."""
    for line in iter(source.readline, b""):
        if not BANNERS.search(line):
            target.write(line)
            target.flush()


def main():
    """The filter's process: standard input to standard output."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the program; this ends with it
    os.write(2, b"\n")
    pass_on(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
