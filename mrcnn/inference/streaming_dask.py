"""Work that needs a detector on a Dask cluster, for any number of tasks."""

from mrcnn.inference.dask_workers import in_order_done, result_of, submitted

_CURE = "Give them more memory, or start fewer of them; what is done is kept for --resume."


def work_on_dask(dask, detector, work, tasks):
    """Do tasks on a Dask cluster.

    The files that tasks name must be where the workers find them under the same path, and `mrcnn` installed there.

    Parameters
    ----------
    dask : str or distributed.Client
        As in `mrcnn.inference.dask_workers.submitted`.
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
    with submitted(dask, detector, work, tasks) as waiting:
        for future in in_order_done(waiting):
            result = result_of(future, "part", _CURE)
            future.release()  # the cluster need not keep it
            yield waiting.pop(future), result
