"""Write artificial patches in parallel and resumable; the files do not depend on the number of workers."""

import hashlib
import json
import os
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path

from mrcnn.domains.wafer.patches.folders import patch_written, write_patch
from mrcnn.errors import ConfigError, DataError
from mrcnn.files import draft_of

RECORD = "artificial.json"
_WORTH_A_PROCESS = 8  # minimum jobs per process: starting a process takes as long as a few patches

_maker = None  # in a worker process: the function returned by `make`


def write_patches(make, arguments, jobs, folder, settings, workers=None, progress=True, title="patches"):
    """Make patches and write each into its own folder; existing patches are kept.

    Parameters
    ----------
    make : callable
        `make(*arguments)` returns a function that takes a job number and returns a list of (image by channel,
        Instances), at least one per name. It must be a module-level function.
    arguments : tuple
        Arguments of `make`; they must be picklable.
    jobs : dict of int to list of str
        Job numbers with the names of their patches. The result of a job must depend only on its number.
    folder : str or Path
        Created if missing.
    settings : dict
        Everything the patches depend on. It is recorded in the folder, so patches of different settings are not mixed.
    workers : int, optional
        Number of processes; by default up to the number of processors, fewer for small jobs.
    progress : bool
        Show a progress bar.
    title : str
        Label of the progress bar.

    Returns
    -------
    list of Path
        The folders of all patches, new and existing, in the order of the jobs.

    Raises
    ------
    ConfigError
        The folder contains patches made with other settings, or `workers` is below 1.
    DataError
        A file cannot be written, or a worker process was terminated.
    """
    from tqdm import tqdm

    folder = Path(folder)
    keep_record(folder, settings)
    missing = {job: names for job, names in jobs.items() if not all(patch_written(folder, name) for name in names)}
    bar = tqdm(
        total=sum(map(len, jobs.values())),
        initial=sum(len(n) for j, n in jobs.items() if j not in missing),
        desc=title,
        unit="patch",
        disable=not progress,
    )
    with bar:
        for names in _finished(make, arguments, missing, folder, _worker_count(workers, len(missing))):
            bar.update(len(names))
    return [folder / name for names in jobs.values() for name in names]


def digest_of(*arrays):
    """A short hexadecimal digest of arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.shape} {array.dtype}".encode())
        total.update(array.tobytes())
    return total.hexdigest()[:16]


def _worker_count(workers, jobs):
    if workers is None:
        return max(1, min(os.cpu_count() or 1, jobs // _WORTH_A_PROCESS))
    if workers < 1:
        raise ConfigError(f"workers must be at least 1, not {workers!r}.")
    return min(workers, max(jobs, 1))


def _finished(make, arguments, jobs, folder, workers):
    """Do the jobs; yield the names of each job when it is done."""
    if not jobs:
        return
    if workers == 1:
        work = make(*arguments)
        for job, names in jobs.items():
            _write(folder, names, work(job))
            yield names
        return
    # Spawned, because forking a process with running threads (such as TensorFlow's) can hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (make, arguments)) as pool:
        futures = {pool.submit(_do, folder, job, names): names for job, names in jobs.items()}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BrokenProcessPool as error:
            raise DataError(
                folder,
                "is incomplete, because a worker process was terminated or could not start",
                'Call it from a script under `if __name__ == "__main__":`, or set workers to 1; finished patches are '
                "kept",
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker(make, arguments):
    global _maker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _maker = make(*arguments)


def _end_with_parent():
    """End this worker with its parent. Otherwise workers of a killed parent would wait forever, or write while the
    next run writes.
    """
    parent_process().join()
    os._exit(1)


def _do(folder, job, names):
    _write(folder, names, _maker(job))


def _write(folder, names, patches):
    """Write the patches that do not exist yet; patches without a name are dropped."""
    for name, (channels, instances) in zip(names, patches):
        if not patch_written(folder, name):  # it exists if the job was interrupted between its patches
            write_patch(folder, name, channels, instances)


def keep_record(folder, settings, name=RECORD):
    """Record the settings in a folder, or compare them with those recorded there; `name` is that of the record.

    Raises `ConfigError` if they differ, `DataError` if the record cannot be read or written.
    """
    path, text = folder / name, json.dumps(settings, indent=1, sort_keys=True) + "\n"
    try:
        if path.is_file():
            there = json.loads(path.read_text(encoding="utf-8"))
            wanted = json.loads(text)
            other = sorted(key for key in {*there, *wanted} if there.get(key) != wanted.get(key))
            if other:
                raise ConfigError(
                    f"{folder} contains patches made with other settings ({', '.join(other)}). Choose another "
                    f"folder, or delete this one."
                )
            return
        folder.mkdir(parents=True, exist_ok=True)
        with draft_of(path) as draft:
            draft.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise DataError(
            path, f"cannot be read or written ({error})", "Choose another folder, or delete this one"
        ) from error
