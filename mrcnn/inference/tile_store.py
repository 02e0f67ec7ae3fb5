"""Finished tiles of a large image, stored in memory and in a folder from which a killed run can resume."""

import hashlib
import json
import re
import zipfile
from pathlib import Path

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.files import whole_file, write_json
from mrcnn.geometry.instances import Instances

FORMAT = 1
RUN_FILE = "tiles.json"
# Settings that change what is detected; others may differ between a run and its continuation.
_DETECTION_SETTINGS = (
    "IMAGE_",
    "MEAN_PIXEL",
    "BACKBONE",
    "COMPUTE_BACKBONE",
    "TOP_DOWN",
    "NUM_CLASSES",
    "RPN_",
    "PRE_NMS",
    "POST_NMS_ROIS_INFERENCE",
    "BBOX_STD",
    "ROI_ALIGN",
    "POOL_SIZE",
    "FPN_",
    "USE_MASK_HEAD",
    "MASK_",
    "DETECTION_",
    "MATTERPORT_EXACT",
    "PRECISION",
)


class TileStore:
    """The objects of finished tiles. Each tile is a file of its own, which is either complete or does not exist.

    Parameters
    ----------
    folder : path or None
        None: in memory only.
    run : dict
        Everything the tiles depend on. It is stored in the folder and compared with the content of an existing folder.

    Attributes
    ----------
    tiles : dict of int to Instances
        In pixels of the tile.

    Raises
    ------
    ConfigError
        The folder contains tiles of another run.
    DataError
        The folder cannot be written.
    """

    def __init__(self, folder=None, run=None):
        self.folder, self.tiles = None if folder is None else Path(folder), {}
        if self.folder is not None:
            self._take_up(run)

    def put(self, index, found):
        """Store the objects of a tile. They survive a kill of the process once this method has returned."""
        if self.folder is not None:
            write_instances(self._path(index), found)
        self.tiles[index] = found

    def _path(self, index):
        return self.folder / f"tile_{index:06d}.npz"

    def _take_up(self, run):
        run = json.loads(json.dumps({"format": FORMAT, **run}))
        path = self.folder / RUN_FILE
        kept = {int(m[1]): p for p in self.folder.glob("tile_*.npz") if (m := re.fullmatch(r"tile_(\d{6,})", p.stem))}
        before = self._run_before(path) if path.exists() or kept else run
        different = [name for name in run if before.get(name) != run[name]]
        if different:
            raise ConfigError(
                f"{self.folder}: contains tiles of another run (different {', '.join(different)}). Choose "
                "another folder or delete this one."
            )
        if not path.exists():
            write_json(path, run)
        for leftover in self.folder.glob(".writing-*.npz"):  # left by a run that was killed while writing
            leftover.unlink(missing_ok=True)
        for index, tile in kept.items():
            found = read_instances(tile)
            if found is not None:  # None: the file is damaged, and the tile is computed again
                self.tiles[index] = found

    def _run_before(self, path):
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = None
        return before if isinstance(before, dict) else {}


# --- Objects of a tile as a file ---
def write_instances(path, found):
    """Write objects as `.npz`, with masks as bits, either completely or not at all; the pixel size is not stored.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    flat = np.concatenate([np.zeros(0, bool), *(mask.ravel() for mask in found.masks)])
    with whole_file(path, flush=True) as temporary:
        np.savez(
            temporary,
            shape=found.image_shape,
            boxes=found.boxes,
            class_ids=found.class_ids,
            scores=found.scores,
            bits=np.packbits(flat),
        )


def read_instances(path):
    """Read objects written by `write_instances`, without their pixel size; None if the file cannot be read."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            boxes = file["boxes"]
            sizes = boxes[:, 2:] - boxes[:, :2]
            ends = np.cumsum(sizes.prod(axis=1))
            flat = np.unpackbits(file["bits"], count=int(ends[-1]) if len(ends) else 0).astype(bool)
            masks = [part.reshape(size) for part, size in zip(np.split(flat, ends[:-1]), sizes)]
            return Instances(tuple(file["shape"]), boxes, file["class_ids"], file["scores"], masks)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


# --- What a run's tiles depend on ---
def fingerprint(detector, source, plan, read):
    """What the tiles of a run depend on, as far as it is compared: a dict with the image size, four rows of pixels, the
    tiles, the weights and the settings that change what is detected.

    Parameters
    ----------
    detector : object with `fingerprint()`, or with `keras_model`, or any other object
        For any other object only the name of its class is compared. Settings are taken from its `config`, if it has
        one.
    source : object with `shape`
    plan : TilePlan
    read : callable (source, window) -> pixels

    Returns
    -------
    dict of str to str or list
    """
    height, width = plan.image_shape
    row = min(plan.tile[0] // 2, height - 1)  # in the first tiles, so a file that is truncated later still matches
    strip = read(source, (row, 0, min(row + 4, height), width))
    return {
        "image size": [int(v) for v in source.shape],
        "image": _digest([strip.tobytes()]),
        "tiles": plan.grid,
        "weights": weights_fingerprint(detector),
        "settings": settings_fingerprint(detector),
    }


def settings_fingerprint(detector):
    """A string that changes with the settings that affect what is detected."""
    config = getattr(detector, "config", None)
    settings = config.to_dict() if hasattr(config, "to_dict") else {}
    chosen = {n: settings[n] for n in sorted(settings) if n.startswith(_DETECTION_SETTINGS)}
    return _digest([json.dumps(chosen, sort_keys=True, default=repr).encode()])


def weights_fingerprint(detector):
    """A string that changes with the weights: from the detector or its Keras model, otherwise the name of its class."""
    if hasattr(detector, "fingerprint") and not isinstance(detector, type):
        return str(detector.fingerprint())
    model = getattr(detector, "keras_model", None)
    if model is not None:
        return _digest(np.ascontiguousarray(w).tobytes() for w in model.get_weights())
    kind = detector if isinstance(detector, type) or hasattr(detector, "__qualname__") else type(detector)
    return f"{kind.__module__}.{kind.__qualname__}"


def _digest(parts):
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
