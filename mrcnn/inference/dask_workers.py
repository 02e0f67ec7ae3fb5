"""A detector on the workers of a Dask cluster: each makes it once, and takes task after task."""

import io
import os
import tempfile
import threading
import uuid
from contextlib import contextmanager
from pathlib import Path

from mrcnn.errors import ConfigError, MissingExtra, MrcnnError
from mrcnn.inference.protocols import is_detector

try:
    from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin, as_completed, get_worker
except ImportError as error:
    raise MissingExtra("distributed", "dask") from error


class DetectorWorker(WorkerPlugin):
    """The detector and the work on a worker. Dask sends it to every worker once, also to those that come later.

    Parameters
    ----------
    factory : callable
        Makes the detector; it is called at the first task, so that a worker that joins late is ready at once.
    work : callable (detector, task) -> result
    """

    def __init__(self, factory, work):
        self.name = f"mrcnn-work-{uuid.uuid4().hex}"
        self.factory, self.work = factory, work

    def setup(self, worker):
        """Called by Dask on the worker."""
        self._detector, self._lock = None, threading.Lock()

    def run(self, task):
        """The result of a task; one at a time, however many threads the worker has."""
        with self._lock:
            if self._detector is None:
                self._detector = self.factory()
            return self.work(self._detector, task)


def _run(name, task):
    return get_worker().plugins[name].run(task)


@contextmanager
def submitted(dask, detector, work, tasks):
    """Tasks on their way on a cluster; at the end of the block those that are not done are cancelled.

    Parameters
    ----------
    dask : str or distributed.Client
        "local:N": N processes on this machine, for this block. "tcp://host:port": a running scheduler.
    detector : MaskRCNN, another detector that can be pickled, or a callable that makes one
    work : callable (detector, task) -> result
        Of a module that the workers have, too.
    tasks : dict of key to task

    Yields
    ------
    dict of Future to key
        Of all tasks. What is taken out of it is not cancelled.

    Raises
    ------
    ConfigError
        `dask` is no cluster.
    """
    plugin = DetectorWorker(factory_of(detector), work)
    with client_of(dask) as client:
        client.register_plugin(plugin, name=plugin.name)
        waiting = {client.submit(_run, plugin.name, task, pure=False): key for key, task in tasks.items()}
        try:
            yield waiting
        finally:
            client.cancel(list(waiting))
            client.unregister_worker_plugin(plugin.name)


def in_order_done(waiting):
    """The futures of `submitted`, each when it is done."""
    return as_completed(list(waiting))


def result_of(future, thing, cure):
    """The result of a future.

    Raises
    ------
    MrcnnError
        Workers died again and again at this `thing`; the message ends with the cure.
    Exception
        What the task itself raised, as it was.
    """
    try:
        return future.result()
    except KilledWorker as error:
        raise MrcnnError(
            f"Dask: workers died again and again at one {thing}, most likely for want of memory ({error}). {cure}"
        ) from error


@contextmanager
def client_of(dask):
    """A client for what the user gave; only what was started here is closed.

    Raises
    ------
    ConfigError
        It is no cluster, or no scheduler answers.
    """
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
        raise ConfigError(
            f"dask must be 'local:N', the address of a scheduler as 'tcp://host:8786', or a Client, not {text!r}."
        )
    try:
        client = Client(text)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"No Dask scheduler answers at {text} ({error}). Start one there, or use 'local:N'."
        ) from error
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
    """Makes a detector anew elsewhere: of the same class, from its settings and its weights in the legacy layout.

    Settings that `Config` does not have, of a subclass of it, are left out.

    Parameters
    ----------
    detector : MaskRCNN, or another class made of (mode, config, model_dir) with a `keras_model`
    """

    def __init__(self, detector):
        import h5py
        import keras

        from mrcnn.weights.load import write_weights

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
