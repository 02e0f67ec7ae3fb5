"""Work that needs a detector on a Dask cluster: each worker makes the detector once, and takes task after task."""
import threading
import uuid

from mrcnn.engine.tiling_dask import client_of, factory_of
from mrcnn.errors import MissingExtra, MrcnnError

try:
    from distributed import KilledWorker, WorkerPlugin, as_completed, get_worker
except ImportError as error:
    raise MissingExtra("distributed", "dask") from error


class DetectorWorker(WorkerPlugin):
    """The detector and the work on a worker. Dask sends it to every worker once, also to those that come later.

    Parameters
    ----------
    factory : callable
        Makes the detector, at the first task.
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


def work_on_dask(dask, detector, work, tasks):
    """Do tasks on a Dask cluster.

    The files that tasks name must be where the workers find them under the same path, and `mrcnn` installed there.

    Parameters
    ----------
    dask : str or distributed.Client
        As in `mrcnn.engine.tiling_dask.detect_on_dask`.
    detector : MaskRCNN, another detector that can be pickled, or a callable that makes one
    work : callable (detector, task) -> result
        Of a module that the workers have, too.
    tasks : dict of key to task

    Yields
    ------
    (key, result)
        In the order in which they are done. A task whose worker dies is given to another.

    Raises
    ------
    ConfigError
        `dask` is no cluster.
    MrcnnError
        Workers died again and again.
    """
    if not tasks:
        return
    plugin = DetectorWorker(factory_of(detector), work)
    with client_of(dask) as client:
        client.register_plugin(plugin, name=plugin.name)
        waiting = {client.submit(_run, plugin.name, task, pure=False): key for key, task in tasks.items()}
        try:
            for future in as_completed(list(waiting)):
                result = _result_of(future)
                future.release()      # the cluster need not keep it
                yield waiting.pop(future), result
        finally:
            client.cancel(list(waiting))
            client.unregister_worker_plugin(plugin.name)


def _result_of(future):
    try:
        return future.result()
    except KilledWorker as error:
        raise MrcnnError(f"Dask: workers died again and again at one part, most likely for want of memory ({error}). "
                         "Give them more memory, or start fewer of them; what is done is kept for --resume.") from error
