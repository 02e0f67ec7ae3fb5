"""Writing artificial patches: in parallel, resumable, the same files whatever the number of workers."""

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
_WORTH_A_PROCESS = 8  # jobs for each: starting one takes as long as a few patches

_maker = None  # of a worker process: what `make` gave


def write_patches(make, arguments, jobs, folder, settings, workers=None, progress=True, title="patches"):
    """Make patches and write each into a folder of its own; those that are there already are left as they are.

    Parameters
    ----------
    make : callable
        (*arguments) -> function that takes a job's number and returns a list of (image by channel, Instances), at
        least one for each name; a function of a module, and arguments that can be pickled.
    arguments : tuple
    jobs : dict of int to list of str
        Each job's number and the names of its patches. What a job makes depends on its number alone.
    folder : str or Path
        Made when missing.
    settings : dict
        What the patches depend on; recorded in the folder, so that patches of other settings are not mixed in.
    workers : int, optional
        Processes; by default as many as there are processors and the work is worth.
    progress : bool
        Show a bar with the time left.
    title : str
        For the bar.

    Returns
    -------
    list of Path
        The folders of all patches, written now or before, in the order of the jobs.

    Raises
    ------
    ConfigError
        The folder holds patches of other settings, or `workers` is below 1.
    DataError
        A file cannot be written, or a worker process was ended.
    """
    from tqdm import tqdm

    folder = Path(folder)
    _keep_record(folder, settings)
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
    """A short text that differs between arrays that differ."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.shape} {array.dtype}".encode())
        total.update(array.tobytes())
    return total.hexdigest()[:16]


def _worker_count(workers, jobs):
    if workers is None:
        return max(1, min(os.cpu_count() or 1, jobs // _WORTH_A_PROCESS))
    if workers < 1:
        raise ConfigError(f"workers is at least 1, not {workers!r}.")
    return min(workers, max(jobs, 1))


def _finished(make, arguments, jobs, folder, workers):
    """Do the jobs; yield the names of each as it is done."""
    if not jobs:
        return
    if workers == 1:
        work = make(*arguments)
        for job, names in jobs.items():
            _write(folder, names, work(job))
            yield names
        return
    # Spawned, because forking a process that runs threads, as TensorFlow's, can hang.
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (make, arguments)) as pool:
        futures = {pool.submit(_do, folder, job, names): names for job, names in jobs.items()}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BrokenProcessPool as error:
            raise DataError(
                folder,
                "is not complete, because a worker process was ended or could not start",
                'Call from a script under `if __name__ == "__main__":`, or set workers to 1; what is there is kept',
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker(make, arguments):
    global _maker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _maker = make(*arguments)


def _end_with_parent():
    """A killed parent leaves its workers waiting for ever; and they must not write beside those of the next run."""
    parent_process().join()
    os._exit(1)


def _do(folder, job, names):
    _write(folder, names, _maker(job))


def _write(folder, names, patches):
    """Write what is not there; patches beyond the names are not asked for."""
    for name, (channels, instances) in zip(names, patches):
        if not patch_written(folder, name):  # of a job that was stopped between its patches
            write_patch(folder, name, channels, instances)


def _keep_record(folder, settings):
    """Record the settings in the folder, or compare them with those recorded there."""
    path, text = folder / RECORD, json.dumps(settings, indent=1, sort_keys=True) + "\n"
    try:
        if path.is_file():
            there = json.loads(path.read_text(encoding="utf-8"))
            wanted = json.loads(text)
            other = sorted(key for key in {*there, *wanted} if there.get(key) != wanted.get(key))
            if other:
                raise ConfigError(
                    f"{folder} holds patches of other settings ({', '.join(other)}). Choose another "
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
