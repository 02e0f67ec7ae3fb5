"""Finished tiles of a large image, stored in memory and in a folder from which a killed run can resume."""

import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.files import remove_drafts, whole_file, write_json
from mrcnn.geometry.instances import Instances

# 1: a digest of a few rows of the image in the run instead of one for each tile, and only some of the settings.
FORMAT = 2
RUN_FILE = "tiles.json"
_CHANGED_IN_2 = ("format", "settings")  # entries of a run that cannot be compared with those of format 1
# Settings that change nothing in what a trained network finds, because they concern only its training, the devices or
# the name. All others, also new ones and a user's own, are part of the key: a setting that is missing here costs
# computing tiles again, but one that is missing in the key would give wrong results.
WITHOUT_EFFECT = frozenset(
    (
        "NAME",
        "GPU_COUNT",
        "IMAGES_PER_GPU",
        "BATCH_SIZE",
        "STEPS_PER_EPOCH",
        "VALIDATION_STEPS",
        "LEARNING_RATE",
        "LEARNING_MOMENTUM",
        "WEIGHT_DECAY",
        "GRADIENT_CLIP_NORM",
        "OPTIMIZER",
        "LEARNING_RATE_SCHEDULE",
        "WARMUP_STEPS",
        "LOSS_WEIGHTS",
        "KEEP_CHECKPOINTS",
        "SAVE_EVERY_STEPS",
        "VALIDATE_EVERY",
        "VALIDATION_IMAGES",
        "EARLY_STOPPING",
        "SEED",
        "USE_MINI_MASK",
        "MINI_MASK_SHAPE",
        "MAX_GT_INSTANCES",
        "RPN_TRAIN_ANCHORS_PER_IMAGE",
        "RPN_POSITIVE_IOU",
        "RPN_NEGATIVE_IOU",
        "POST_NMS_ROIS_TRAINING",
        "USE_RPN_ROIS",
        "TRAIN_ROIS_PER_IMAGE",
        "ROI_POSITIVE_RATIO",
        "SEMANTIC_LOSS",
        "SEMANTIC_FOCAL_GAMMA",
        "SEMANTIC_CLASS_WEIGHTS",
    )
)


class TilesOfAnotherRun(ConfigError):
    """A folder contains tiles of another run."""


class TileStore:
    """The objects of finished tiles. Each tile is a file of its own, which is either complete or does not exist.

    Parameters
    ----------
    folder : path or None
        None: in memory only.
    run : dict
        Everything that all tiles depend on. It is stored in the folder and compared with the content of an existing
        folder. If an earlier version wrote that folder, its tiles are deleted, and one sentence on standard error
        says so.

    Attributes
    ----------
    tiles : dict of int to Instances
        In pixels of the tile.
    digests : dict of int to str
        Of the pixels of each of these tiles (`mrcnn.inference.tile_reading.pixel_digest`).

    Raises
    ------
    TilesOfAnotherRun
        A `ConfigError`: the folder contains tiles of another run.
    DataError
        The folder cannot be written.
    """

    def __init__(self, folder=None, run=None):
        self.folder = None if folder is None else Path(folder)
        self.tiles, self.digests = {}, {}
        if self.folder is not None:
            self._take_up(run)

    def put(self, index, found, digest=None):
        """Store the objects of a tile. They survive a kill of the process once this method has returned.

        Parameters
        ----------
        index : int
        found : Instances
        digest : str, optional
            Of the pixels in which they were found; without it, another process does not take the tile.
        """
        if self.folder is not None:
            write_instances(self._path(index), found, digest)
        self.tiles[index], self.digests[index] = found, digest

    def drop(self, index):
        """Forget the objects of a tile; its file stays until the tile is stored again."""
        del self.tiles[index], self.digests[index]

    def _path(self, index):
        return self.folder / f"tile_{index:06d}.npz"

    def _take_up(self, run):
        run = json.loads(json.dumps({"format": FORMAT, **run}))
        path = self.folder / RUN_FILE
        kept = {int(m[1]): p for p in self.folder.glob("tile_*.npz") if (m := re.fullmatch(r"tile_(\d{6,})", p.stem))}
        before = self._run_before(path) if path.exists() or kept else run
        older = _is_older(before, run)
        different = [name for name in run if before.get(name) != run[name]]
        if older:
            different = [name for name in different if name in before and name not in _CHANGED_IN_2]
        if different:
            raise TilesOfAnotherRun(
                f"{self.folder}: contains tiles of another run (different {', '.join(different)}). Choose "
                "another folder or delete this one."
            )
        if older:
            self._delete(kept)
        if older or not path.exists():
            write_json(path, run)
        remove_drafts(self.folder)
        for index, tile in sorted(kept.items()):
            found, digest = _read_tile(tile)
            if digest is not None:  # otherwise the tile is computed again
                self.tiles[index], self.digests[index] = found, digest

    def _delete(self, kept):
        """Delete tiles that depend on more than their run records; empties `kept`."""
        if kept:
            print(
                f"{self.folder}: an earlier version wrote the tiles here, without recording all pixels and settings "
                "that they depend on, so they are computed again.",
                file=sys.stderr,
            )
        while kept:
            kept.popitem()[1].unlink(missing_ok=True)

    def _run_before(self, path):
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = None
        return before if isinstance(before, dict) else {}


def remove_tiles(folder):
    """Delete the tiles in a folder and the run that they belong to, the latter last; other files stay."""
    folder = Path(folder)
    remove_drafts(folder)
    for path in folder.glob("tile_*.npz"):
        if re.fullmatch(r"tile_\d{6,}", path.stem):
            path.unlink(missing_ok=True)
    (folder / RUN_FILE).unlink(missing_ok=True)


def _is_older(before, run):
    """Whether an earlier version stored a run, whose tiles may depend on more than it recorded."""
    if not isinstance(before.get("format"), int) or before["format"] > FORMAT:
        return False
    return before["format"] < FORMAT or not before.keys() >= run.keys()


# --- Objects of a tile as a file ---
def write_instances(path, found, digest=None):
    """Write objects as `.npz`, with masks as bits, either completely or not at all; the pixel size is not stored.

    Parameters
    ----------
    path : Path
    found : Instances
    digest : str, optional
        Of the pixels in which the objects were found.

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
            **({} if digest is None else {"digest": digest}),
            **({} if found.limit_reached is None else {"limit": found.limit_reached}),
        )


def read_instances(path):
    """Read objects written by `write_instances`, without their pixel size; None if the file cannot be read."""
    return _read_tile(path)[0]


def _read_tile(path):
    """(Instances, digest) of a file; None for what the file does not contain, or for both if it cannot be read."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            boxes = file["boxes"]
            sizes = boxes[:, 2:] - boxes[:, :2]
            ends = np.cumsum(sizes.prod(axis=1))
            flat = np.unpackbits(file["bits"], count=int(ends[-1]) if len(ends) else 0).astype(bool)
            masks = [part.reshape(size) for part, size in zip(np.split(flat, ends[:-1]), sizes)]
            found = Instances(tuple(file["shape"]), boxes, file["class_ids"], file["scores"], masks)
            found.limit_reached = str(file["limit"]) if "limit" in file else None
            return found, str(file["digest"]) if "digest" in file else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None, None


# --- What a run's tiles depend on ---
def fingerprint(detector, source, plan):
    """What all tiles of a run depend on: a dict with the image size, the tiles, the weights, and the settings that
    change what is detected. The pixels are compared tile by tile.

    Parameters
    ----------
    detector : object with `fingerprint()`, or with `keras_model`, or any other object
        For any other object only the name of its class is compared. Settings are taken from its `config`, if it has
        one, and from its PREDICTION_ATTRIBUTES.
    source : object with `shape`
    plan : TilePlan

    Returns
    -------
    dict of str to str or list
    """
    return {
        "image size": [int(v) for v in source.shape],
        "tiles": plan.grid,
        "weights": weights_fingerprint(detector),
        "settings": settings_fingerprint(detector),
    }


def settings_fingerprint(detector):
    """A string that changes with the settings that affect what is detected, and with the PREDICTION_ATTRIBUTES.

    Of a value without a form in JSON, such as a user's own object, the `repr` is taken, without its address.
    """
    config = getattr(detector, "config", None)
    settings = config.to_dict() if hasattr(config, "to_dict") else {}
    chosen = {
        "settings": {name: value for name, value in settings.items() if name not in WITHOUT_EFFECT},
        "attributes": {name: getattr(detector, name) for name in getattr(detector, "PREDICTION_ATTRIBUTES", ())},
    }
    text = json.dumps(_plain(chosen), sort_keys=True)
    return _digest([re.sub(r" at 0x[0-9a-fA-F]+", "", text).encode()])


def _plain(value):
    """A value as one that JSON can write, the same in every process."""
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    elif isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    return value if value is None or isinstance(value, (str, int, float)) else repr(value)


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
