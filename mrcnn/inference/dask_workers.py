"""Run a detector on the workers of a Dask cluster; each worker creates it once and uses it for all its tasks."""

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
    """The detector and the work on a worker. Dask sends it once to every worker, including workers that join later.

    Parameters
    ----------
    factory : callable
        Creates the detector. It is called at the first task, so a worker that joins late is ready immediately.
    work : callable (detector, task) -> result
    """

    def __init__(self, factory, work):
        self.name = f"mrcnn-work-{uuid.uuid4().hex}"
        self.factory, self.work = factory, work

    def setup(self, worker):
        """Called by Dask on the worker."""
        self._detector, self._lock = None, threading.Lock()

    def run(self, task):
        """The result of a task. Tasks run one at a time, even if the worker has several threads."""
        with self._lock:
            if self._detector is None:
                self._detector = self.factory()
            return self.work(self._detector, task)


def _run(name, task):
    return get_worker().plugins[name].run(task)


@contextmanager
def submitted(dask, detector, work, tasks):
    """Submit tasks to a cluster; unfinished tasks are cancelled at the end of the block.

    Parameters
    ----------
    dask : str or distributed.Client
        "local:N": N processes on this machine, for this block. "tcp://host:port": a running scheduler.
    detector : MaskRCNN, another detector that can be pickled, or a callable that creates one
    work : callable (detector, task) -> result
        Must be in a module that is installed on the workers.
    tasks : dict of key to task

    Yields
    ------
    dict of Future to key
        All tasks. Tasks that are removed from it are not cancelled.

    Raises
    ------
    ConfigError
        `dask` is not a cluster.
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
    """Iterate over the futures of `submitted` in the order in which they finish."""
    return as_completed(list(waiting))


def result_of(future, thing, cure):
    """The result of a future.

    Raises
    ------
    MrcnnError
        Workers died repeatedly on this `thing`; the message ends with the cure.
    Exception
        The exception that the task itself raised.
    """
    try:
        return future.result()
    except KilledWorker as error:
        raise MrcnnError(
            f"Dask: workers died repeatedly on the same {thing}, most likely because of too little memory ({error}). "
            f"{cure}"
        ) from error


@contextmanager
def client_of(dask):
    """A client for the cluster given by the user; only clusters and clients that were started here are closed.

    Raises
    ------
    ConfigError
        `dask` is not a cluster, or no scheduler answers.
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
            f"dask must be 'local:N', the address of a scheduler such as 'tcp://host:8786', or a Client, not {text!r}."
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
    """A factory that returns a detector which can be pickled itself."""

    def __init__(self, detector):
        self.detector = detector

    def __call__(self):
        return self.detector


class ModelFactory:
    """Recreates a detector of the same class in another process, from its settings and its weights.

    Settings that only a subclass of `Config` has are omitted. The weights are sent in the legacy layout.

    Parameters
    ----------
    detector : MaskRCNN, or an object of another class with a `keras_model` that is created from (mode, config,
        model_dir)
    """

    def __init__(self, detector):
        import h5py
        import keras

        from mrcnn.weights.load import write_weights

        # Settings are sent by value, because the config class may be defined in a script that the worker does not have.
        self.settings = {name: getattr(detector.config, name) for name in detector.config.to_dict()}
        names = getattr(detector, "PREDICTION_ATTRIBUTES", ())
        self.attributes = {name: getattr(detector, name) for name in names}
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
        for name, value in self.attributes.items():
            setattr(model, name, value)
        return model
