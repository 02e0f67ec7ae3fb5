"""Reading and writing weights in the legacy `.h5` layout of Keras 2 (Matterport's files), and reading `.npz`.

A file is foreign data: names, links and shapes are checked before a byte of an array is read, and nothing in it is
ever executed or unpickled.
"""

import contextlib
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from mrcnn.errors import WeightsError

# Groups beside the weights: the optimizer of full Keras 2 models, and what our checkpoints add.
OTHER_GROUPS = ("optimizer_weights", "training_state")
ALIASES = {"depthwise_kernel": "kernel", "running_mean": "moving_mean", "running_std": "moving_variance"}
MAX_DEPTH, MAX_ARRAYS = 8, 100_000
TRY_AGAIN = "Copy or download it again, or give another file."


@dataclass
class StoredArray:
    """An array of a weight file, not read yet."""

    group: str  # name of the outermost layer
    layer: str  # name of the layer that owns it
    kind: str  # kernel, bias, gamma, ...
    shape: tuple
    read: object  # callable returning the array

    @property
    def name(self):
        return f"{self.layer}/{self.kind}"


@contextlib.contextmanager
def open_weights(path):
    """The arrays of a weight file, as a list of `StoredArray`, while the file is open.

    Raises
    ------
    WeightsError
        No such file; neither HDF5 nor npz; truncated; or it holds links, external or virtual storage.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weight file. Check the path.")
    if path.suffix == ".npz":
        with contextlib.ExitStack() as stack:
            with _reading(path):
                archive = stack.enter_context(np.load(path, allow_pickle=False))
                arrays = _npz_arrays(path, archive)
            yield arrays
        return
    with _reading(path):
        file = h5py.File(path, "r")
    with file:
        yield _h5_arrays(path, file)


@contextlib.contextmanager
def _reading(path):
    try:
        yield
    except (OSError, KeyError, EOFError, zipfile.BadZipFile, RuntimeError) as error:
        raise WeightsError(
            f"{path}: cannot be read as weights ({error}). It is truncated or of another kind. {TRY_AGAIN}"
        ) from error
    except ValueError as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"{path}: cannot be read as weights ({error}). {TRY_AGAIN}") from error


def _npz_arrays(path, archive):
    arrays = []
    for name in archive.files:
        *_, layer, kind = ["", *name.split("/")]
        with archive.zip.open(name + ".npy") as member:
            version = np.lib.format.read_magic(member)
            reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape = reader(member)[0]

        def read(name=name):
            with _reading(path):
                return archive[name]

        arrays.append(StoredArray(layer, layer, ALIASES.get(kind, kind), shape, read))
    return arrays


def _h5_arrays(path, file):
    root = file["model_weights"] if isinstance(file.get("model_weights", getlink=True), h5py.HardLink) else file
    order = [_text(n) for n in root.attrs.get("layer_names", [])]
    arrays = []
    for group in [*order, *(n for n in root if n not in order)]:
        if group in OTHER_GROUPS or group not in root:
            continue
        _collect(path, root, group, (), arrays)
    return arrays


def _text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _collect(path, parent, name, above, arrays):
    if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise WeightsError(
            f"{path}: '{parent.name}/{name}' is a link to somewhere else, which weight files of Keras never hold. "
            f"It is refused. {TRY_AGAIN}"
        )
    if len(above) > MAX_DEPTH or len(arrays) > MAX_ARRAYS:
        raise WeightsError(f"{path}: nested too deeply, or too many arrays, for a weight file. {TRY_AGAIN}")
    with _reading(path):
        node = parent[name]
    parts = (*above, name)
    if isinstance(node, h5py.Group):
        # Keras 2 says the order in `weight_names`; h5py would give the alphabet.
        order = (
            [
                _text(n).split("/")[len(above)] if len(above) < len(_text(n).split("/")) else None
                for n in node.attrs.get("weight_names", [])
            ]
            if not above
            else []
        )
        seen = dict.fromkeys([*(n for n in order if n in node), *node])
        for child in seen:
            _collect(path, node, child, parts, arrays)
        return
    if node.external or node.is_virtual:
        raise WeightsError(f"{path}: '{node.name}' keeps its numbers in other files. It is refused. {TRY_AGAIN}")
    kind = parts[-1].split(":")[0]
    layer = parts[-2] if len(parts) > 1 else parts[-1]

    def read(node=node):
        with _reading(path):
            return node[()]

    arrays.append(StoredArray(parts[0], layer, ALIASES.get(kind, kind), tuple(node.shape), read))


def write_legacy_group(root, groups):
    """Write weights into an open HDF5 group in the layout of Keras 2.

    Parameters
    ----------
    root : h5py.Group
    groups : list of (layer name, [(owning layer, kind, array)])
        In the order of the model's layers.
    """
    root.attrs["layer_names"] = np.array([name.encode() for name, _ in groups])
    root.attrs["backend"] = np.bytes_(b"tensorflow")
    root.attrs["keras_version"] = np.bytes_(b"2.0.8")
    for name, entries in groups:
        group = root.create_group(name)
        names = [f"{layer}/{kind}:0" for layer, kind, _ in entries]
        group.attrs["weight_names"] = np.array([n.encode() for n in names]) if names else np.zeros(0, np.float64)
        for weight_name, (_, _, value) in zip(names, entries):
            group.create_dataset(weight_name, data=value)


@contextlib.contextmanager
def written_whole(path):
    """A temporary path beside `path` that takes its place once the block ends well; otherwise nothing has changed.

    Raises
    ------
    WeightsError
        Disk full, or no right to write; an existing file is as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # h5py reports a full disk as either
        state = "The file that was there is unharmed" if path.exists() else "Nothing was written"
        raise WeightsError(
            f"{path}: cannot be written ({error}). {state}. Free some space or choose another folder."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
