"""Merge the four stains of Human Protein Atlas fields: of one field, or of whole folders, in parallel and resumable."""

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrcnn.data.readers.file_dataset import check_choice
from mrcnn.domains.hpa.fields import CHANNELS, MISSING, find_fields, read_field
from mrcnn.errors import ConfigError, DataError, without_frames
from mrcnn.files import whole_file

SUFFIXES = {"rgb": ".png", "four": ".tif"}


def merge_rgb(stains):
    """Merge the four channels to RGB: R = red + yellow/2, G = green + yellow/2, B = blue; clipped at white.

    Parameters
    ----------
    stains : uint8 or uint16 [..., 4]
        In the order of `CHANNELS`.

    Returns
    -------
    uint8 or uint16 [..., 3]
        Same type as the input; halves are rounded down.

    Raises
    ------
    ConfigError
        The number of channels or the type is not supported.
    """
    stains = np.asarray(stains)
    if stains.dtype not in (np.uint8, np.uint16) or stains.ndim < 1 or stains.shape[-1] != len(CHANNELS):
        raise ConfigError(
            f"merge_rgb expects four channels of uint8 or uint16, not an array {stains.shape} of {stains.dtype}."
        )
    merged, half = stains[..., :3].copy(), stains[..., 3:] // 2
    merged[..., :2] += np.minimum(half, np.iinfo(stains.dtype).max - merged[..., :2])
    return merged


@dataclass
class MergeSummary:
    """Result of `merge_fields`.

    Attributes
    ----------
    written, kept : int
        Number of fields merged by this call, and number of fields that were already up to date.
    errors : list of DataError
        Errors of the fields that could not be read, in the order of their ids.
    """

    written: int = 0
    kept: int = 0
    errors: list = field(default_factory=list)


def merge_fields(source, target, mode="rgb", missing="error", workers=None, progress=True):
    """Write one merged image per field of a folder.

    An existing image is kept unless one of its channels was changed or added since, so an interrupted call can be
    resumed by repeating it. A field that cannot be read does not stop the others.

    Parameters
    ----------
    source : str or Path
        Folder of fields, see `mrcnn.domains.hpa.fields.find_fields`.
    target : str or Path
        Output folder, created if missing.
    mode : "rgb" or "four"
        "rgb": `<id>.png`, merged by `merge_rgb`. "four": `<id>.tif` with four channels.
    missing : "error" or "zeros"
        What to do if a channel is missing. With "error", such a field is reported as an error, even if an image with
        zeros was written before.
    workers : int, optional
        Number of threads; by default the number of processors. It does not affect the files.
    progress : bool
        Show a progress bar.

    Returns
    -------
    MergeSummary

    Raises
    ------
    DataError
        `source` contains no field, or a file cannot be written.
    ConfigError
        An option is invalid.
    """
    from tqdm import tqdm

    check_choice("mode", mode, tuple(SUFFIXES))
    check_choice("missing", missing, MISSING)
    if workers is not None and workers < 1:
        raise ConfigError(f"workers must be at least 1, not {workers!r}.")
    fields = find_fields(source)
    targets = [Path(target) / f"{found.field_id}{SUFFIXES[mode]}" for found in fields]
    left = [i for i, path in enumerate(targets) if not _is_current(path, fields[i], missing)]
    summary, errors = MergeSummary(kept=len(fields) - len(left)), {}
    # Threads suffice, because reading, merging and compressing release the GIL.
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
    """Write RGB, uint8 or uint16 [H, W, 3], as PNG, or four channels [H, W, 4] as TIFF; never leaves a partial file."""
    with whole_file(path) as draft:
        if image.shape[-1] == 3:
            import imagecodecs

            # Most of a field is noise: stronger compression takes three times as long and saves only a seventh.
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
        # A file that was unpacked or copied may keep the original's mtime; its ctime is then the time of arrival.
        return all(
            max(state.st_mtime_ns, state.st_ctime_ns) <= written
            for state in (file.stat() for file in found.files.values())
        )
    except OSError:
        return False


def _merge(found, path, mode, missing):
    """Merge and write one field; returns the error if it cannot be read, or None."""
    try:
        stains = read_field(found, missing)
    except DataError as error:
        return without_frames(error)
    write_merged(path, merge_rgb(stains) if mode == "rgb" else stains)
    return None
