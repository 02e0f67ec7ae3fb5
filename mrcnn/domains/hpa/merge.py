"""Merging whole folders of Human Protein Atlas fields: in parallel, field by field, going on where it stopped."""

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from mrcnn.data.readers.file_dataset import check_choice
from mrcnn.domains.hpa.fields import CHANNELS, MISSING, find_fields, merge_rgb, read_field
from mrcnn.errors import ConfigError, DataError, without_frames
from mrcnn.files import whole_file

SUFFIXES = {"rgb": ".png", "four": ".tif"}


@dataclass
class MergeSummary:
    """What `merge_fields` did.

    Attributes
    ----------
    written, kept : int
        Fields merged now, and those that were there already.
    errors : list of DataError
        Of the fields that could not be read, in the order of their ids.
    """

    written: int = 0
    kept: int = 0
    errors: list = field(default_factory=list)


def merge_fields(source, target, mode="rgb", missing="error", workers=None, progress=True):
    """Write one picture for each field of a folder.

    A picture that is there, and of which no channel was changed or put there since, is kept, so an interrupted call
    goes on where it stopped. A field that cannot be read does not stop the others.

    Parameters
    ----------
    source : str or Path
        As for `mrcnn.domains.hpa.fields.find_fields`.
    target : str or Path
        Folder, made when missing.
    mode : "rgb" or "four"
        "rgb": `<id>.png` by `merge_rgb`. "four": `<id>.tif` with four channels.
    missing : "error" or "zeros"
        What to do for a channel that is not there. With "error" a picture that was made of zeros before does not count.
    workers : int, optional
        Threads; by default as many as there are processors. They do not change the files.
    progress : bool
        Show a bar with the time left.

    Returns
    -------
    MergeSummary

    Raises
    ------
    DataError
        There is no field in `source`, or a file cannot be written.
    ConfigError
        An option that cannot work.
    """
    from tqdm import tqdm

    check_choice("mode", mode, tuple(SUFFIXES))
    check_choice("missing", missing, MISSING)
    if workers is not None and workers < 1:
        raise ConfigError(f"workers is at least 1, not {workers!r}.")
    fields = find_fields(source)
    targets = [Path(target) / f"{found.field_id}{SUFFIXES[mode]}" for found in fields]
    left = [i for i, path in enumerate(targets) if not _is_current(path, fields[i], missing)]
    summary, errors = MergeSummary(kept=len(fields) - len(left)), {}
    # Reading, merging and packing all let other threads run meanwhile.
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        futures = {pool.submit(_merge, fields[i], targets[i], mode, missing): i for i in left}
        try:
            for future in tqdm(
                as_completed(futures),
                total=len(fields),
                initial=summary.kept,
                desc="fields",
                unit="field",
                disable=not progress,
            ):
                error = future.result()
                if error is None:
                    summary.written += 1
                else:
                    errors[futures[future]] = error
        finally:
            pool.shutdown(cancel_futures=True)
    summary.errors = [errors[i] for i in sorted(errors)]
    return summary


def write_merged(path, image):
    """Write RGB, uint8 or uint16 [H, W, 3], as PNG, or four channels [H, W, 4] as TIFF: whole, or not at all."""
    with whole_file(path) as draft:
        if image.shape[-1] == 3:
            import imagecodecs

            # Most of a field is noise: packing it harder takes three times as long, and leaves a seventh less.
            draft.write_bytes(imagecodecs.png_encode(image, level=1))
        else:
            import tifffile

            tifffile.imwrite(
                draft, image, photometric="minisblack", planarconfig="contig", compression="zlib", metadata=None
            )


def _is_current(path, found, missing):
    if missing == "error" and len(found.files) < len(CHANNELS):
        return False
    try:
        written = path.stat().st_mtime_ns
        # A file that was unpacked or copied may keep the time of its original: the later time is that of its arrival.
        return all(
            max(state.st_mtime_ns, state.st_ctime_ns) <= written
            for state in (file.stat() for file in found.files.values())
        )
    except OSError:
        return False


def _merge(found, path, mode, missing):
    """Write one field; returns the error of one that cannot be read."""
    try:
        stains = read_field(found, missing)
    except DataError as error:
        return without_frames(error)
    write_merged(path, merge_rgb(stains) if mode == "rgb" else stains)
    return None
