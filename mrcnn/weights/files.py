"""Read and write weights in the legacy `.h5` layout of Keras 2 (Matterport's files), and read `.npz`.

A weight file is untrusted data: names, links, types and shapes are checked before any array is read, and nothing in the
file is ever executed or unpickled.
"""

import contextlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.files import draft_of
from mrcnn.images.decoder_errors import BUGS, ends_in

# Groups that contain no weights: the optimizer of full Keras 2 models, and the additions of our checkpoints.
OTHER_GROUPS = ("optimizer_weights", "training_state")
MAX_DEPTH, MAX_NODES = 8, 20_000
SETTINGS = "mrcnn_settings"  # attribute of a file: settings that belong to its weights, as JSON
TRY_AGAIN = "Copy or download it again, or use another file."
# Exceptions that h5py and Python's zipfile raise for damaged files: HDF5 errors become OSError, RuntimeError and
# KeyError; ValueError and OverflowError result from inconsistent sizes and types.
_UNREADABLE = (OSError, LookupError, ValueError, RuntimeError, EOFError, OverflowError, zipfile.BadZipFile, zlib.error,
               struct.error)  # fmt: skip
_DRAFT = ".tmp"  # not .h5, because *.h5 is how the weight files of a folder are found
_MOST_ATTRIBUTE_BYTES = 60_000  # the limit of HDF5 is 64 KiB; Keras splits longer lists into name0, name1, ...


@dataclass
class StoredArray:
    """An array of a weight file that has not been read yet."""

    group: str  # name of the outermost layer
    layer: str  # name of the layer that owns it
    kind: str  # kernel, bias, gamma, ...
    shape: tuple
    read: object  # callable returning the array

    @property
    def name(self):
        return f"{self.layer}/{self.kind}"


@contextlib.contextmanager
def reading(path, what="weights"):
    """Convert any error from reading the file into a `WeightsError` with its path."""
    try:
        yield
    except WeightsError:
        raise
    except (*_UNREADABLE, TypeError) as error:
        # h5py raises TypeError for types that NumPy does not have, and zipfile NotImplementedError for unsupported
        # compression. From any other place these are bugs.
        if isinstance(error, (TypeError, *BUGS)) and not ends_in(error, "h5py", "zipfile"):
            raise
        reason = str(error).strip("'\"") or type(error).__name__
        raise WeightsError(
            f"{path}: cannot be read as {what} ({reason}). The file is truncated, damaged or of a different type. "
            f"{TRY_AGAIN}"
        ) from error


@contextlib.contextmanager
def open_weights(path):
    """The arrays of a weight file as a list of `StoredArray`; the file is open during the block.

    Raises
    ------
    WeightsError
        The file does not exist, is neither HDF5 nor npz, is truncated, or contains links, external or virtual storage,
        or anything other than arrays of numbers.
    """
    path = Path(path)
    with contextlib.ExitStack() as stack:
        with reading(path):
            first = _first_bytes(path)
            if first.startswith(b"PK"):
                archive = stack.enter_context(zipfile.ZipFile(path))
                arrays = _npz_arrays(path, archive)
            elif h5py.is_hdf5(path):
                arrays = _h5_arrays(path, stack.enter_context(h5py.File(path, "r")))
            else:
                kind = "is empty" if not first else "is neither an HDF5 file (.h5) nor an .npz archive"
                raise WeightsError(f"{path}: {kind}, so it contains no weights. {TRY_AGAIN}")
        yield arrays


def stored_settings(path):
    """The settings that `mrcnn.weights.load.save_weights` wrote beside the weights of an `.h5` file; {} if none."""
    with reading(path):
        if not h5py.is_hdf5(path):
            return {}
        with h5py.File(path, "r") as file:
            found = json.loads(file.attrs.get(SETTINGS, "{}"))
    return found if isinstance(found, dict) else {}


def _first_bytes(path):
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weight file. Check the path.")
    with open(path, "rb") as file:
        return file.read(8)


# --- npz ---
def _npz_arrays(path, archive):
    arrays = []
    members = [n for n in archive.namelist() if n.endswith(".npy")]
    if not members or len(members) > MAX_NODES:
        raise WeightsError(f"{path}: is an archive, but not an archive of arrays written by numpy.savez. {TRY_AGAIN}")
    for member in members:
        *_, layer, kind = ["", *member.removesuffix(".npy").split("/")]
        with archive.open(member) as file:
            # Only version 1 limits the header to 64 KiB, and NumPy uses it for plain numbers.
            if np.lib.format.read_magic(file) != (1, 0):
                raise WeightsError(f"{path}: '{member}' is not stored as plain numbers. {TRY_AGAIN}")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        _refuse_no_numbers(path, member, dtype)

        def read(member=member):
            with reading(path), archive.open(member) as file:
                return np.lib.format.read_array(file, allow_pickle=False)

        arrays.append(StoredArray(layer, layer, kind.split(":")[0], shape, read))
    return arrays


def _refuse_no_numbers(path, name, dtype):
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise WeightsError(
            f"{path}: '{name}' contains {dtype} values, which are not weights. The file is rejected. {TRY_AGAIN}"
        )


# --- HDF5 ---
def plain_child(path, parent, name):
    """The child `name` of an HDF5 group in the file `path`: a group, or a dataset of plain numbers.

    Raises
    ------
    WeightsError
        The child is missing, is a link to another location, stores its data in other files, or contains no numbers.
    """
    where = f"{parent.name.rstrip('/')}/{name}"
    if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        if name not in parent.keys():
            raise WeightsError(f"{path}: '{where}' is missing. The file is damaged or of a different type. {TRY_AGAIN}")
        raise WeightsError(
            f"{path}: '{where}' is a link to another location, which weight files never contain. The file is rejected. "
            f"{TRY_AGAIN}"
        )
    node = parent[name]
    if isinstance(node, h5py.Group):
        return node
    if not isinstance(node, h5py.Dataset) or node.shape is None:
        raise WeightsError(f"{path}: '{where}' contains no numbers. The file is rejected. {TRY_AGAIN}")
    if node.external or node.is_virtual:
        raise WeightsError(f"{path}: '{where}' stores its data in other files. The file is rejected. {TRY_AGAIN}")
    _refuse_no_numbers(path, where, node.dtype)
    return node


def _h5_arrays(path, file):
    root = file
    if isinstance(file.get("model_weights", getlink=True), h5py.HardLink):
        root = plain_child(path, file, "model_weights")
    if not isinstance(root, h5py.Group):
        raise WeightsError(f"{path}: 'model_weights' is not a group of layers. {TRY_AGAIN}")
    order = [name for name in _names(root, "layer_names") if name in root]
    found = _Arrays(path)
    for group in dict.fromkeys([*order, *root]):
        if group not in OTHER_GROUPS:
            found.add_layer(root, group)
    return found.arrays


class _Arrays:
    """Walk the groups of a file and list its arrays in the order in which Keras wrote them."""

    def __init__(self, path):
        self.path, self.arrays, self.visited = path, [], 0

    def add_layer(self, root, name):
        """Add all arrays of an outermost group, in the order of its `weight_names`; h5py would sort them by name."""
        found = []
        self._collect(root, name, (), found)
        order = _names(root[name], "weight_names")
        rank = {n: i for i, n in enumerate(order)}
        found.sort(key=lambda entry: rank.get(entry[0], len(rank)))
        self.arrays += [array for _, array in found]

    def _collect(self, parent, name, above, found):
        self.visited += 1
        # Hard links can form cycles, or make a few groups look like a huge number.
        if len(above) > MAX_DEPTH or self.visited > MAX_NODES:
            raise WeightsError(
                f"{self.path}: is nested too deeply or has too many groups for a weight file. {TRY_AGAIN}"
            )
        node, parts = plain_child(self.path, parent, name), (*above, name)
        if isinstance(node, h5py.Group):
            for child in node:
                self._collect(node, child, parts, found)
            return
        kind, layer = parts[-1].split(":")[0], parts[-2] if len(parts) > 1 else parts[-1]

        def read():
            with reading(self.path):
                return node[()]

        found.append(("/".join(parts[1:]), StoredArray(parts[0], layer, kind, tuple(node.shape), read)))


def _names(node, attribute):
    """A list of names from an attribute, or from the pieces into which Keras splits a long one."""
    if attribute in node.attrs:
        values = node.attrs[attribute]
    else:
        pieces = []
        while f"{attribute}{len(pieces)}" in node.attrs:
            pieces.append(np.atleast_1d(node.attrs[f"{attribute}{len(pieces)}"]))
        values = [v for piece in pieces for v in piece]
    return [v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in np.atleast_1d(values).tolist()]


def write_legacy_group(root, groups):
    """Write weights into an open HDF5 group in the layout of Keras 2.

    Parameters
    ----------
    root : h5py.Group
    groups : list of (layer name, [(owning layer, kind, array)])
        In the order of the model's layers.
    """
    _write_names(root, "layer_names", [name for name, _ in groups])
    root.attrs["backend"] = np.bytes_(b"tensorflow")
    root.attrs["keras_version"] = np.bytes_(b"2.0.8")
    for name, entries in groups:
        group = root.create_group(name)
        names = [f"{layer}/{kind}:0" for layer, kind, _ in entries]
        _write_names(group, "weight_names", names)
        for weight_name, (_, _, value) in zip(names, entries):
            group.create_dataset(weight_name, data=value)


def _write_names(group, attribute, names):
    values = np.array([n.encode() for n in names]) if names else np.zeros(0, np.float64)
    count = -(-values.nbytes // _MOST_ATTRIBUTE_BYTES)
    if count <= 1:
        group.attrs[attribute] = values
        return
    for i, piece in enumerate(np.array_split(values, count)):
        group.attrs[f"{attribute}{i}"] = piece


class _SilentFile(io.FileIO):
    """A file object for HDF5 that does not report a failed write but stores the exception in `error`.

    HDF5 does not recover from a failed write: it leaves files open and can crash the program later.
    """

    error = None

    def write(self, data):
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self.error is None:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size=None):
        try:
            if self.error is None:
                super().truncate(size)
        except OSError as error:
            self.error = error


@contextlib.contextmanager
def written_whole(path):
    """An open HDF5 file that replaces `path` if the block ends without an error; otherwise nothing changes.

    Raises
    ------
    WeightsError
        The disk is full or the folder is not writable; an existing file is unchanged.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(path, flush=True, suffix=_DRAFT) as draft, _SilentFile(draft, "w+") as raw:
            with h5py.File(raw, "w") as file:
                yield file
            if raw.error is not None:
                raise raw.error
    except OSError as error:
        state = "The existing file is unchanged" if path.exists() else "Nothing was written"
        reason = error.strerror or error
        raise WeightsError(
            f"{path}: cannot be written ({reason}). {state}. Free some space or choose another folder."
        ) from error
