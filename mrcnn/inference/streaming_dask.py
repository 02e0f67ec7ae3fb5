"""Process any number of tasks that need a detector on a Dask cluster."""

from mrcnn.inference.dask_workers import in_order_done, result_of, submitted

_CURE = "Give the workers more memory or start fewer of them. Finished parts are kept for --resume."


def work_on_dask(dask, detector, work, tasks):
    """Run tasks on a Dask cluster.

    The files of the tasks must be accessible to the workers under the same path, and `mrcnn` must be installed there.

    Parameters
    ----------
    dask : str or distributed.Client
        As in `mrcnn.inference.dask_workers.submitted`.
    detector : MaskRCNN, another detector that can be pickled, or a callable that creates one
    work : callable (detector, task) -> result
        Must be in a module that is installed on the workers.
    tasks : dict of key to task

    Yields
    ------
    (key, result)
        In the order in which tasks finish. If a worker dies, its task is given to another worker.

    Raises
    ------
    ConfigError
        `dask` is not a cluster.
    MrcnnError
        Workers died repeatedly.
    """
    if not tasks:
        return
    with submitted(dask, detector, work, tasks) as waiting:
        for future in in_order_done(waiting):
            result = result_of(future, "part", _CURE)
            future.release()  # the cluster no longer needs to keep it
            yield waiting.pop(future), result
