"""Import TensorFlow without its banners on standard error.

A dozen lines that are unrelated to the user's data (how sums are rounded, which instructions the processor has, that
there is no GPU) appear at the start of every program and, in red, of every notebook. TF_CPP_MIN_LOG_LEVEL does not
suppress those of the import, because TensorFlow writes them before it reads that variable. So the output during the
import of TensorFlow goes through a filter, which drops the known banners and passes on everything else. With
TF_CPP_MIN_LOG_LEVEL=0 nothing is dropped.
"""

import contextlib
import functools
import os
import re
import sys
import threading

# Lines that contain one of these are dropped completely, whatever time, process and source file they begin with.
BANNERS = re.compile(
    b"|".join([
        # The heading of messages logged before logging is set up.
        rb"All log messages before absl::InitializeLog\(\) is called are written to STDERR",
        # port.cc: how sums are rounded on a CPU.
        rb"oneDNN custom operations are on\.",
        # cudart_stub.cc: no CUDA library. A separate message about a GPU that cannot be used remains visible.
        rb"Could not find cuda drivers on your machine, GPU will not be used\.",
        # cpu_feature_guard.cc, two lines: processor instructions that a different build would use.
        rb"This TensorFlow binary is optimized to use available CPU instructions",
        rb"^To enable the following instructions: .* rebuild TensorFlow",
        # cuda_fft.cc, cuda_dnn.cc, cuda_blas.cc, computation_placer.cc: TensorFlow registers its own parts twice.
        rb"Unable to register cu(FFT|DNN|BLAS) factory: Attempting to register factory for plugin",
        rb"computation placer already registered\.",
        # py_utils.cc: an optional library that is not used here.
        rb"TF-TRT Warning: Could not find TensorRT",
        # cuda_platform.cc: looking for GPUs where there are none (see `_ask_for_devices`).
        rb"failed call to cuInit: .*(UNKNOWN ERROR \(303\)|CUDA_ERROR_NO_DEVICE)",
        # util.cc: one of two libraries leaves integers to the other (see `run_first_graph`).
        rb"oneDNN supports DT_\w+ only on platforms with AVX-512",
    ])
)  # fmt: skip

# At least one of these exists if there may be a GPU: NVIDIA, WSL, Jetson, AMD.
GPU_DRIVERS = ("/proc/driver/nvidia", "/dev/nvidiactl", "/dev/dxg", "/dev/nvmap", "/dev/kfd")
_ONE_AT_A_TIME = threading.RLock()  # there is only one standard error
SECONDS_TO_END = 5  # for the filter to finish after the import


def watch_imports():
    """Filter the import of TensorFlow, wherever it happens; this function imports nothing itself."""
    # This module may be imported again, for example if a notebook drops the package and imports a different version.
    sys.meta_path[:] = [_FINDER, *(f for f in sys.meta_path if type(f).__qualname__ != _QuietTensorFlow.__qualname__)]


class _QuietTensorFlow:
    """Import finder that finds TensorFlow like the other finders, but loads it quietly."""

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
    """Replaces a loader until its module is executed."""

    def __init__(self, loader):
        self.loader = loader

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self.loader
        # Once imported, TensorFlow respects the level. 2 means errors only: its warnings are dozens of long lines about
        # what it failed to estimate in our graphs.
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
    """Let TensorFlow look for GPUs now if there are none: otherwise the first computation does so and prints a message.

    If there may be a GPU, nothing is done: a process that has initialised CUDA can no longer be forked, nor select
    devices with CUDA_VISIBLE_DEVICES.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if sys.platform == "linux" and (hidden or not any(map(os.path.exists, GPU_DRIVERS))):
        with contextlib.suppress(Exception):  # code that needs the devices will ask again and get the error
            tensorflow.config.list_physical_devices()


@functools.cache
def run_first_graph():
    """Trigger TensorFlow's message that its graphs contain integers, printed once per process, where it is filtered
    out.

    Call it before building a model; devices cannot be configured afterwards.
    """
    import tensorflow as tf

    if not _shows_all() and tf.executing_eagerly():
        with without_banners():
            tf.function(tf.transpose, autograph=False)(tf.ones((2, 2), tf.int32))


@contextlib.contextmanager
def without_banners():
    """Filter standard error inside the block, including output of compiled code: lines of `BANNERS` are dropped.

    The file descriptor is connected to a separate process. A thread could not read the output, because the import of
    compiled code holds the interpreter lock. And if TensorFlow aborts this process (on a processor that it was not
    built for), its last messages, and those of `faulthandler`, still arrive.
    """
    with _ONE_AT_A_TIME, contextlib.ExitStack() as stack:
        if sys.__stderr__ is not None:  # None, for example under pythonw: descriptor 2 may be any file
            with contextlib.suppress(OSError):
                _filter(stack)
        yield


def _filter(stack):
    """Redirect descriptor 2 through the filter until the stack is closed; leave it unchanged if there is no filter."""
    saved = os.dup(2)
    stack.callback(os.close, saved)
    process = _start(saved)
    if process is None:
        return
    stack.callback(_end, process)
    with process.stdin, process.stderr:
        # The filter reports that it has started. If no Python can be started, nothing must be lost.
        if process.stderr.read(1) == b"\n":
            _flush()
            os.dup2(process.stdin.fileno(), 2)
            stack.callback(os.dup2, saved, 2)
            stack.callback(_flush)


def _start(target):
    """The filter as a process that writes to a file descriptor; None if this is not a plain Python."""
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

    with contextlib.suppress(subprocess.TimeoutExpired):  # a child process of the import may still write to it
        process.wait(SECONDS_TO_END)


def _flush():
    with contextlib.suppress(AttributeError, OSError, ValueError):  # of whatever has replaced it
        sys.stderr.flush()


def pass_on(source, target):
    """Copy lines from one binary file to another as they arrive, except those of `BANNERS`."""
    for line in iter(source.readline, b""):
        if not BANNERS.search(line):
            target.write(line)
            target.flush()


def main():
    """Main function of the filter process: standard input to standard output."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is meant for the program; the filter ends with it
    os.write(2, b"\n")
    pass_on(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
