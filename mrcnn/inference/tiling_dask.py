"""Process tiles on a Dask cluster: the model is sent to each worker once, and a dying worker loses no results."""

import functools

from mrcnn.inference.dask_workers import in_order_done, result_of, submitted
from mrcnn.inference.tiling import detect_windows

_CURE = "Give the workers more memory, start fewer of them, or choose a smaller tile."


class TileWork:
    """The work of a worker for one task: a list of (key, Instances, digest) for some windows of the source.

    Parameters
    ----------
    source : object with `shape` and `read`
    tile : (int, int)
    batch : int
    """

    def __init__(self, source, tile, batch):
        self.source, self.tile, self.batch = source, tile, batch

    def __call__(self, detector, windows):
        return list(detect_windows(detector, self.source, windows, self.tile, self.batch))


def on_dask(dask):
    """An executor for `detect_tiled` that runs on a Dask cluster.

    Parameters
    ----------
    dask : str or distributed.Client
        "local:N" starts N processes on this machine, "tcp://host:port" is a running scheduler. With "local:N" a script
        needs `if __name__ == "__main__":` around the call.
    """
    return functools.partial(detect_on_dask, dask)


def detect_on_dask(dask, detector, source, windows, tile, batch):
    """Detect objects in windows of a source on a Dask cluster; like `mrcnn.inference.tiling.detect_windows`, but in any
    order.

    The files of the source must be accessible to the workers under the same path, and `mrcnn` must be installed there.

    Parameters
    ----------
    dask : str or distributed.Client
        As in `mrcnn.inference.dask_workers.submitted`.
    detector : MaskRCNN, another detector that can be pickled, or a callable that creates one
    source : object with `shape` and `read`
        As in `mrcnn.inference.tiling.detect_tiled`.
    windows : dict of int to (y1, x1, y2, x2)
    tile : (int, int)
    batch : int

    Yields
    ------
    (int, Instances, str)
        With the digest of the pixels that the worker read.

    Raises
    ------
    ConfigError
        `dask` is not a cluster.
    MrcnnError
        A window cannot be read, or workers died repeatedly on one; finished results are yielded first.
    """
    if not windows:
        return
    keys = list(windows)
    groups = [keys[i : i + batch] for i in range(0, len(keys), batch)]
    tasks = {group[0]: {key: windows[key] for key in group} for group in groups}
    with submitted(dask, detector, TileWork(source, tile, batch), tasks) as waiting:
        for future in in_order_done(waiting):
            del waiting[future]
            try:
                found = result_of(future, "tile", _CURE)
            except Exception:
                for other in [f for f in waiting if f.status == "finished"]:
                    yield from other.result()
                raise
            future.release()  # its objects are here, so the cluster no longer needs to keep them
            yield from found
