"""Tiles on a Dask cluster: the model goes to every worker once, and a worker that dies loses nothing."""

import functools

from mrcnn.inference.dask_workers import in_order_done, result_of, submitted
from mrcnn.inference.tiling import detect_windows

_CURE = "Give them more memory, start fewer of them, or choose a smaller tile."


class TileWork:
    """What a worker does with a task, some windows of the source: a list of (key, Instances).

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
    """The executor of `detect_tiled` that works on a Dask cluster.

    Parameters
    ----------
    dask : str or distributed.Client
        "local:N" starts N processes on this machine, "tcp://host:port" is a running scheduler. With "local:N" a script
        needs `if __name__ == "__main__":` around the call.
    """
    return functools.partial(detect_on_dask, dask)


def detect_on_dask(dask, detector, source, windows, tile, batch):
    """Detect in windows of a source on a Dask cluster; as `mrcnn.inference.tiling.detect_windows`, in any order.

    The files of the source must be where the workers find them under the same path, and `mrcnn` installed there.

    Parameters
    ----------
    dask : str or distributed.Client
        As in `mrcnn.inference.dask_workers.submitted`.
    detector : MaskRCNN, another detector that can be pickled, or a callable that makes one
    source : object with `shape` and `read`
        As in `mrcnn.inference.tiling.detect_tiled`.
    windows : dict of int to (y1, x1, y2, x2)
    tile : (int, int)
    batch : int

    Yields
    ------
    (int, Instances)

    Raises
    ------
    ConfigError
        `dask` is no cluster.
    MrcnnError
        A window cannot be read, or workers died again and again at one; what is finished by then comes first.
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
            future.release()  # its objects are here: the cluster need not keep them
            yield from found
