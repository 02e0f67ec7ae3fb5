import importlib.util
import sys

import pytest

from mrcnn.errors import DataError
from mrcnn.images.folders import check_bioio, is_zarr, list_images


def install(monkeypatch, *names):
    """Only these of bioio's packages can be found."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: (name in names or None) if name.startswith("bioio") else found(name),
    )


@pytest.fixture
def folder(tmp_path):
    for name in ("m_10.png", "m_2.TIF", "m_4.nd2", "m_5.CZI", "m_6.lif", "._m_1.nd2", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("m_3.ome.zarr", "m_1.ZARR", "plain", ".m_0.zarr", "m_7"):
        (tmp_path / name).mkdir()
    (tmp_path / "m_7" / "zarr.json").write_text("{}")
    return tmp_path


def test_everything_that_can_be_opened_is_listed_in_natural_order(folder, monkeypatch):
    install(monkeypatch, "bioio", "bioio_nd2", "bioio_lif", "bioio_czi")
    assert [p.name for p in list_images(folder, any_kind=True)] == [
        "m_1.ZARR",
        "m_2.TIF",
        "m_3.ome.zarr",
        "m_4.nd2",
        "m_5.CZI",
        "m_6.lif",
        "m_7",
        "m_10.png",
    ]


def test_only_files_that_read_image_reads_are_listed_by_default(folder, monkeypatch):
    install(monkeypatch, "bioio", "bioio_nd2", "bioio_lif", "bioio_czi")
    with pytest.raises(DataError, match="m_4.nd2: has the format .nd2, which is not supported"):
        list_images(folder)
    for name in ("m_4.nd2", "m_5.CZI", "m_6.lif"):
        (folder / name).unlink()
    assert [p.name for p in list_images(folder)] == ["m_2.TIF", "m_10.png"]


@pytest.mark.parametrize(
    "installed, name, command",
    [
        ((), "a.nd2", r"pip install bioio bioio-nd2 \(both are in the extra 'bioio'\)"),
        (("bioio",), "a.lif", r"pip install bioio bioio-lif \(both"),
        (("bioio_nd2",), "a.nd2", r"pip install bioio bioio-nd2 \(both"),
        (("bioio", "bioio_nd2", "bioio_lif"), "a.CZI", r"pip install bioio bioio-czi \(the reader is under the GPL"),
    ],
)
def test_a_missing_reader_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch, installed, name, command):
    install(monkeypatch, *installed)
    (tmp_path / name).write_bytes(b"x")
    for use in (check_bioio, lambda path: list_images(path.parent, any_kind=True)):
        with pytest.raises(DataError, match=rf"{name}: has the format .*, which needs .*{command}"):
            use(tmp_path / name)


def test_a_module_that_is_already_imported_is_installed(monkeypatch):
    for name in ("bioio", "bioio_nd2"):
        monkeypatch.setitem(sys.modules, name, type(sys)(name))
    check_bioio("a.nd2")
    monkeypatch.setitem(sys.modules, "bioio_nd2", None)
    with pytest.raises(DataError, match="needs the packages bioio and bioio-nd2"):
        check_bioio("a.nd2")


def test_other_formats_are_refused_in_either_case(tmp_path):
    (tmp_path / "a.dm3").write_bytes(b"x")
    for any_kind in (False, True):
        with pytest.raises(DataError, match="a.dm3: has the format .dm3, which is not supported"):
            list_images(tmp_path, any_kind)


def test_what_is_a_zarr(tmp_path):
    for number, name in enumerate((".zattrs", ".zgroup", ".zarray", "zarr.json")):
        (tmp_path / str(number)).mkdir()
        assert not is_zarr(tmp_path / str(number))
        (tmp_path / str(number) / name).write_text("{}")
        assert is_zarr(tmp_path / str(number))
    (tmp_path / "file.zarr").write_text("{}")
    assert not is_zarr(tmp_path / "file.zarr") and not is_zarr(tmp_path / "none.zarr")
