"""Invalid or malicious weight files: each gives one error that names the file and the cure, and changes nothing."""

import contextlib
import io
import pickle
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights.files import (
    MAX_NODES,
    open_weights,
    reading,
    write_legacy_group,
    written_whole,
)
from mrcnn.weights.load import load_weights, save_weights

GIANT = (1 << 20, 1 << 20)


def good_file(path, small):
    save_weights(small(), path)
    return path


def truncated(part):
    def make(path, small):
        whole = good_file(path, small).read_bytes()
        path.write_bytes(whole[: int(len(whole) * part)])

    return make


def raw(content):
    return lambda path, small: path.write_bytes(content)


def replaced(change):
    """A valid file in which `change(group of conv1, name of its kernel)` has replaced the kernel."""

    def make(path, small):
        good_file(path, small)
        with h5py.File(path, "a") as file:
            del file["conv1/conv1/kernel:0"]
            change(file["conv1/conv1"], "kernel:0")

    return make


def external_link(group, name):
    group[name] = h5py.ExternalLink("elsewhere.h5", "/secret")


def soft_link(group, name):
    group[name] = h5py.SoftLink("/mrcnn_class_logits/mrcnn_class_logits/kernel:0")


def external_storage(group, name):
    group.create_dataset(name, (3, 3, 3, 4), "f4", external=[("/etc/passwd", 0, 432)])


def virtual_dataset(group, name):
    layout = h5py.VirtualLayout((3, 3, 3, 4), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "secret", (3, 3, 3, 4))
    group.create_virtual_dataset(name, layout)


def giant_shape(group, name):
    group.create_dataset(name, GIANT, "f4", chunks=(64, 64))


def text(group, name):
    group.create_dataset(name, data=["a", "b"])


def wide_numbers(group, name):
    group.create_dataset(name, (3, 3, 3, 4), np.dtype("V1000000"), chunks=(1, 1, 1, 1))


def named_type(group, name):
    group[name] = np.dtype("f4")


def empty_space(group, name):
    group.create_dataset(name, data=h5py.Empty("f4"))


def hard_link_cycle(group, name):
    group[name] = group.parent


def hard_link_fan(group, name):
    """A few groups that look like 8 ** 8 groups."""
    top = group.create_group(name)
    for level in range(7):
        below = group.file.create_group(f"rpn_model/level{level}")
        for i in range(8):
            top[str(i)] = below
        top = below


def npz(**arrays):
    def make(path, small):
        with open(path, "wb") as file:
            np.savez(file, **arrays)

    return make


def npz_member(content):
    def make(path, small):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("conv1/kernel.npy", content)

    return make


def npy_header(text, version=1):
    size = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode()


def npz_with_bad_checksum(path, small):
    npz(**{"conv1/kernel": np.ones((3, 3, 3, 4), np.float32)})(path, small)
    content = bytearray(path.read_bytes())
    content[content.find(b"\x00\x00\x80?")] ^= 0xFF
    path.write_bytes(bytes(content))


def layer_names_that_are_text_of_no_kind(path, small):
    good_file(path, small)
    with h5py.File(path, "a") as file:
        file.attrs["layer_names"] = np.array([b"\xff\xfe"])


def dataset_as_root(path, small):
    with h5py.File(path, "w") as file:
        file["model_weights"] = np.zeros(3)


BAD = {
    "truncated at 0.2": (truncated(0.2), "truncated"),
    "truncated at 0.5": (truncated(0.5), "truncated"),
    "truncated at 0.9": (truncated(0.9), "truncated"),
    "truncated at 0.999": (truncated(0.999), "truncated"),
    "only the signature": (truncated(0.001), "is neither|truncated"),
    "empty": (raw(b""), "is empty"),
    "text": (raw(b"<html>404 not found</html>" * 50), "is neither an HDF5 file"),
    "pickle": (raw(pickle.dumps({"conv1": 1})), "is neither an HDF5 file"),
    "npy": (raw(npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1048576, 1048576), }\n")), "is neither"),
    "other zip": (lambda path, small: zipfile.ZipFile(path, "w").close(), "not an archive of arrays"),
    "external link": (replaced(external_link), "link to another location"),
    "soft link": (replaced(soft_link), "link to another location"),
    "external storage": (replaced(external_storage), "other files"),
    "virtual dataset": (replaced(virtual_dataset), "other files"),
    "giant shape": (replaced(giant_shape), r"different shape.*\n.*1048576"),
    "text for numbers": (replaced(text), "which are not weights"),
    "wide numbers": (replaced(wide_numbers), "which are not weights"),
    "a type": (replaced(named_type), "contains no numbers"),
    "no space": (replaced(empty_space), "contains no numbers"),
    "cycle of hard links": (replaced(hard_link_cycle), "nested too deeply"),
    "fan of hard links": (replaced(hard_link_fan), "too many groups"),
    "broken names": (layer_names_that_are_text_of_no_kind, "cannot be read"),
    "dataset as root": (dataset_as_root, "not a group of layers"),
    "npz of objects": (npz(**{"conv1/kernel": np.array([{}], object)}), "which are not weights"),
    "npz of text": (npz(**{"conv1/kernel": np.array(["a" * 1000])}), "which are not weights"),
    "npz of giant shape": (
        npz_member(npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1048576, 1048576), }\n")),
        r"different shape.*\n.*1048576",
    ),
    "npz that ends early": (
        npz_member(npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3, 3, 4), }\n")),
        "cannot be read",
    ),
    "npz with a giant header": (npz_member(npy_header("{" + " " * 100_000, version=2)), "not stored as plain numbers"),
    "npz with a header of code": (npz_member(npy_header("__import__('os').abort()\n")), "cannot be read"),
    "npz with a bad checksum": (npz_with_bad_checksum, "cannot be read"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_rejected_and_changes_nothing(kind, tmp_path, small, unchanged):
    make, message = BAD[kind]
    path, model = tmp_path / "weights.h5", small(seed=1)
    make(path, small)
    tracemalloc.start()
    try:
        with unchanged(model), pytest.raises(WeightsError, match=f"(?s){message}") as caught:
            load_weights(model, path, by_name=True)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    text = str(caught.value)
    assert text.startswith(str(path))
    assert any(cure in text for cure in ("Copy or download it again", "exclude="))


def test_a_missing_file_and_a_folder(tmp_path, small):
    for path in (tmp_path / "no.h5", tmp_path):
        with pytest.raises(WeightsError, match="there is no such weight file. Check the path."):
            load_weights(small(), path)


def test_nested_too_deeply(tmp_path):
    path = tmp_path / "deep.h5"
    with h5py.File(path, "w") as file:
        file["/".join("abcdefghijklmnop")] = np.zeros(1)
    with pytest.raises(WeightsError, match="nested too deeply"), open_weights(path):
        pass


def test_more_arrays_than_a_model_has(tmp_path, monkeypatch):
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        for i in range(20):
            file[f"layer/{i}"] = np.zeros(1)
    monkeypatch.setattr("mrcnn.weights.files.MAX_NODES", 10)
    assert MAX_NODES > 10_000
    with pytest.raises(WeightsError, match="too many groups"), open_weights(path):
        pass


def test_names_longer_than_an_attribute_are_split_and_joined(tmp_path):
    path, names = tmp_path / "long.h5", [f"a_rather_long_name_of_a_layer_{i:05d}" for i in range(3000)]
    with h5py.File(path, "w") as file:
        write_legacy_group(file, [("backbone", [(n, "bias", np.zeros(1, np.float32)) for n in reversed(names)])])
    with h5py.File(path) as file:
        assert "weight_names" not in file["backbone"].attrs and "weight_names2" in file["backbone"].attrs
    with open_weights(path) as arrays:
        assert [a.layer for a in arrays] == names[::-1]


def test_arrays_come_in_the_order_of_the_file_and_not_of_the_alphabet(tmp_path):
    path = tmp_path / "order.h5"
    zero = np.zeros(1, np.float32)
    with h5py.File(path, "w") as file:
        write_legacy_group(file, [("z", [("z", "kernel", zero), ("z", "bias", zero)]), ("a", [("a", "kernel", zero)])])
    with open_weights(path) as arrays:
        assert [a.name for a in arrays] == ["z/kernel", "z/bias", "a/kernel"]


def test_reading_stays_inside_the_file(tmp_path):
    """The name of an archive member is a key and never a path."""
    path, content = tmp_path / "odd.npz", io.BytesIO()
    np.save(content, np.zeros(2, np.float32))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../conv1/kernel.npy", content.getvalue())
    with open_weights(path) as arrays:
        assert [(a.layer, a.kind, a.read().tolist()) for a in arrays] == [("conv1", "kernel", [0.0, 0.0])]
    assert list(tmp_path.iterdir()) == [path]


def test_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deeper" / "file.h5"
    with pytest.raises(KeyError), written_whole(path) as file:
        file["half"] = np.zeros(3)
        assert list(path.parent.glob("*.h5")) == []
        raise KeyError
    assert list(path.parent.iterdir()) == []
    with written_whole(path) as file:
        file["whole"] = np.arange(100_000)
    assert [p.name for p in path.parent.iterdir()] == ["file.h5"]
    with h5py.File(path) as file:
        assert list(file) == ["whole"] and file["whole"][-1] == 99_999


@pytest.mark.parametrize("bug", [AttributeError, NameError, ImportError, TypeError, NotImplementedError])
def test_a_bug_is_not_a_damaged_file(bug, tmp_path):
    def fail():
        raise bug("ours")

    with pytest.raises(bug, match="ours"), reading(tmp_path / "weights.h5"):
        fail()


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_damaged_bytes_give_weights_or_one_error(suffix, tmp_path):
    whole, path, rng = tmp_path / f"whole{suffix}", tmp_path / f"damaged{suffix}", np.random.default_rng(0)
    if suffix == ".h5":
        with h5py.File(whole, "w") as file:
            file.create_dataset("conv1/conv1/kernel:0", data=np.ones((3, 3, 2, 4), np.float32), compression="gzip")
            file["conv1"].attrs["weight_names"] = np.array([b"conv1/kernel:0"])
    else:
        np.savez(whole, **{"conv1/kernel": np.ones((4, 4)), "bn/gamma": np.ones(5)})
    content = whole.read_bytes()
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            damaged[place] = rng.integers(0, 256)
        path.write_bytes(damaged[: rng.integers(1, len(damaged))] if rng.random() < 0.3 else damaged)
        with contextlib.suppress(WeightsError, MemoryError), open_weights(path) as arrays:
            for array in arrays:
                assert array.read().dtype.kind in "biuf"
