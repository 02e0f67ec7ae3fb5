"""Tiles on a Dask cluster: the model goes to every worker once, and a worker that dies loses nothing."""
import io
import os
import tempfile
import threading
import uuid
from contextlib import contextmanager
from pathlib import Path

from mrcnn.engine.tiling import detect_windows, is_detector
from mrcnn.errors import ConfigError, MissingExtra, MrcnnError

try:
    from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin, as_completed, get_worker
except ImportError as error:
    raise MissingExtra("distributed", "dask") from error


class TileWorker(WorkerPlugin):
    """The detector and the source on a worker. Dask sends it to every worker once, also to those that come later.

    Parameters
    ----------
    factory : callable
        Makes the detector; it is called at the first tile, so that a worker that joins late is ready at once.
    source : object with `shape` and `read`
    tile : (int, int)
    batch : int
    """

    def __init__(self, factory, source, tile, batch):
        self.name = f"mrcnn-tiles-{uuid.uuid4().hex}"
        self.factory, self.source, self.tile, self.batch = factory, source, tile, batch

    def setup(self, worker):
        """Called by Dask on the worker."""
        self._detector, self._lock = None, threading.Lock()

    def detect(self, windows):
        """Objects of some windows, as a list of (key, Instances); one call at a time, however many threads there are.
        """
        with self._lock:
            if self._detector is None:
                self._detector = self.factory()
            return list(detect_windows(self._detector, self.source, windows, self.tile, self.batch))


def _detect(name, windows):
    return get_worker().plugins[name].detect(windows)


def detect_on_dask(dask, detector, source, windows, tile, batch):
    """Detect in windows of a source on a Dask cluster; as `mrcnn.engine.tiling.detect_windows`, in any order.

    The files of the source must be where the workers find them under the same path, and `mrcnn` installed there.

    Parameters
    ----------
    dask : str or distributed.Client
        "local:N": N processes on this machine, for this call. "tcp://host:port": a running scheduler.
    detector : MaskRCNN, another detector that can be pickled, or a callable that makes one
    windows : dict of int to (y1, x1, y2, x2)
    tile : (int, int)
    batch : int

    Yields
    ------
    (int, Instances)
    """
    if not windows:
        return
    plugin = TileWorker(factory_of(detector), source, tile, batch)
    keys = list(windows)
    groups = [keys[i:i + batch] for i in range(0, len(keys), batch)]
    with client_of(dask) as client:
        client.register_plugin(plugin, name=plugin.name)
        waiting = {client.submit(_detect, plugin.name, {k: windows[k] for k in group}, pure=False) for group in groups}
        try:
            for future in as_completed(list(waiting)):
                waiting.discard(future)
                try:
                    found = _result_of(future)
                except Exception:
                    for other in [f for f in waiting if f.status == "finished"]:
                        yield from other.result()
                    raise
                future.release()  # its objects are here: the cluster need not keep them
                yield from found
        finally:
            client.cancel(list(waiting))
            client.unregister_worker_plugin(plugin.name)


def _result_of(future):
    try:
        return future.result()
    except KilledWorker as error:
        raise MrcnnError(f"Dask: workers died again and again at one tile, most likely for want of memory ({error}). "
                         "Give them more memory, start fewer of them, or choose a smaller tile.") from error


@contextmanager
def client_of(dask):
    """A client for what the user gave; only what was started here is closed."""
    if isinstance(dask, Client):
        yield dask
        return
    text = str(dask)
    if text.startswith("local:"):
        count = text.removeprefix("local:")
        if not count.isdigit() or int(count) < 1:
            raise ConfigError(f"dask must be 'local:N' with at least one process, not {text!r}.")
        options = {"threads_per_worker": 1, "processes": True, "dashboard_address": "127.0.0.1:0"}
        with LocalCluster(n_workers=int(count), **options) as cluster, Client(cluster) as client:
            yield client
        return
    if "://" not in text:
        raise ConfigError(f"dask must be 'local:N', the address of a scheduler as 'tcp://host:8786', or a Client, not "
                          f"{text!r}.")
    try:
        client = Client(text)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"No Dask scheduler answers at {text} ({error}). Start one there, or use 'local:N'.") from error
    with client:
        yield client


def factory_of(detector):
    if hasattr(detector, "keras_model"):
        return ModelFactory(detector)
    return _Same(detector) if is_detector(detector) else detector


class _Same:
    """Factory of a detector that can be pickled itself."""

    def __init__(self, detector):
        self.detector = detector

    def __call__(self):
        return self.detector


class ModelFactory:
    """Makes a `MaskRCNN` anew elsewhere, from its settings and its weights in the legacy layout.

    Parameters
    ----------
    detector : MaskRCNN
    """

    def __init__(self, detector):
        import h5py
        import keras

        from mrcnn.engine.weights import write_weights

        # Settings by value: the class of the config may be of a script that the worker does not have.
        self.settings = {name: getattr(detector.config, name) for name in detector.config.to_dict()}
        self.kind, self.model_dir, self.backend = type(detector), detector.model_dir, keras.backend.backend()
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            write_weights(detector.keras_model, file)
        self.weights = buffer.getvalue()

    def __call__(self):
        """The detector, for inference."""
        os.environ.setdefault("KERAS_BACKEND", self.backend)
        from mrcnn.config import Config

        known = Config.known_names()
        config = Config(**{name: value for name, value in self.settings.items() if name in known})
        model = self.kind("inference", config, self.model_dir)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.h5"
            path.write_bytes(self.weights)
            model.load_weights(path, verbose=0)
        return model
