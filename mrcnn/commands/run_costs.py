"""What a model costs: size of its weights, memory, and seconds of its training."""

from pathlib import Path

import numpy as np
import pandas as pd

from mrcnn.training.checkpoints import resolve_weights


def weights_mb(detector):
    """Size of a model's weights in memory, in MB."""
    return (
        sum(
            int(np.prod(w.shape)) * np.dtype(w.dtype if w.dtype != "bfloat16" else "float16").itemsize
            for w in detector.keras_model.weights
        )
        / 1e6
    )


def epoch_seconds(weights):
    """Median seconds per epoch of the run that the weights come from; None if there is no history next to them."""
    try:
        seconds = pd.read_csv(resolve_weights(weights).with_name("history.csv"))["seconds"]
    except (OSError, KeyError, ValueError):
        return None
    return float(seconds.median()) if len(seconds) else None


def restart_peak():
    """Reset the peak memory of the process; False if that is impossible (it works only on Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_mb():
    """Peak memory of the process, with all its libraries, since `restart_peak`, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
