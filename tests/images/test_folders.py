import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.images.folders import (
    check_bioio,
    folder_content,
    is_zarr,
    left_out_files,
    left_out_sentence,
    list_images,
)
from mrcnn.images.read import read_image
from mrcnn.images.source import open_image


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


GREY = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
WRITERS = {
    "tif": lambda path: tifffile.imwrite(path, GREY),
    "jpg": lambda path: Image.fromarray(GREY).save(path, "JPEG"),
    "png": lambda path: Image.fromarray(GREY).save(path, "PNG"),
    "bmp": lambda path: Image.fromarray(GREY).save(path, "BMP"),
    "pgm": lambda path: Image.fromarray(GREY).save(path, "PPM"),
    "gif": lambda path: Image.fromarray(GREY).save(path, "GIF"),
}


@pytest.mark.parametrize("any_kind", [False, True])
@pytest.mark.parametrize(
    "names, kind",
    [
        (("a.jfif", "a.jpe", "a.JPE", "a.jif", "a.jpeg_large", "a"), "jpg"),
        (("a.lsm", "a.STK", "a.btf", "a.svs", "a.flex", "a.qptiff", "a.gel", "a.oir"), "tif"),
        (("a.pgm", "a.pnm", "a.dat"), "pgm"),
        (("a.gif", "a.001"), "png"),
        (("a.dib", "a.x"), "bmp"),
    ],
)
def test_an_image_is_told_by_its_first_bytes(tmp_path, names, kind, any_kind):
    for name in names:
        WRITERS[kind](tmp_path / name)
    assert {p.name for p in list_images(tmp_path, any_kind)} == set(names)
    content = folder_content(tmp_path, any_kind)
    assert (content.refused, content.others) == ([], [])
    for name in names:
        assert read_image(tmp_path / name).shape == GREY.shape
        assert open_image(tmp_path / name).shape == (*GREY.shape, 1)


@pytest.mark.parametrize("suffix", ["vsi", "mrxs", "nef", "CR2", "dng"])
def test_a_preview_of_an_image_stored_elsewhere_is_no_image(tmp_path, suffix):
    WRITERS["tif"](tmp_path / f"a.{suffix}")
    for read in (lambda path: list_images(path.parent), lambda path: list_images(path.parent, True), read_image):
        with pytest.raises(DataError, match=rf"a.{suffix}: has the format .{suffix.lower()}, of which only a preview"):
            read(tmp_path / f"a.{suffix}")


def test_the_preview_that_a_raw_file_begins_with_is_no_image(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, subfiletype=1, metadata=None)
    with pytest.raises(DataError, match="a.tif: begins with a preview"):
        read_image(tmp_path / "a.tif")


def test_images_of_other_formats_are_refused_whatever_their_name(tmp_path):
    WRITERS["gif"](tmp_path / "a.x")
    (tmp_path / "b").write_bytes(b"ZISRAWFILE" + bytes(60))
    content = folder_content(tmp_path)
    assert [str(error).partition(". ")[0] for error in content.refused] == [
        f"{tmp_path / 'a.x'}: is a file of the format GIF, which is not read under this name",
        f"{tmp_path / 'b'}: is a file of the format CZI, which is not read under this name",
    ]
    assert "Rename it to b.czi" in str(folder_content(tmp_path, any_kind=True).refused[1])
    WRITERS["gif"](tmp_path / "c.png")
    with pytest.raises(DataError, match=r"c.png: is not a TIFF, PNG, JPEG or BMP file, but GIF"):
        read_image(tmp_path / "c.png")


def test_files_that_are_not_read_are_collected_and_named(tmp_path):
    for folder, names in (("one", ("a.tif~", "b.bak", "roi.zip", "notes.txt", "Thumbs.db")), ("two", ("x.pdf",))):
        (tmp_path / folder).mkdir()
        WRITERS["tif"](tmp_path / folder / "a.tif")
        for name in names:
            WRITERS["tif"](tmp_path / folder / name)
    (tmp_path / "one" / "roi.zip").write_bytes(b"PK\3\4")
    (tmp_path / "two" / "x.pdf").write_bytes(b"%PDF-1.4")
    content = folder_content(tmp_path / "one")
    assert [p.name for p in content.images] == ["a.tif"]
    assert [p.name for p in content.others] == ["a.tif~", "b.bak", "notes.txt", "roi.zip"]
    assert left_out_sentence(content.others) == (
        f"In {tmp_path / 'one'}, 4 files are not read, because they are not images or are backup copies: a.tif~, "
        "b.bak, notes.txt, roi.zip."
    )
    with left_out_files() as unread:
        for folder in ("one", "two", "one"):
            list_images(tmp_path / folder)
    assert [p.name for p in unread] == ["a.tif~", "b.bak", "roi.zip", "x.pdf"]  # a text may be an annotation
    assert left_out_sentence(unread) == (
        "In 2 folders, 4 files are not read, because they are not images or are backup copies: one/a.tif~, one/b.bak, "
        "one/roi.zip, two/x.pdf."
    )
    assert left_out_sentence([]) is None
    list_images(tmp_path / "one")  # nobody listens


def test_only_some_files_are_named():
    paths = [Path("f", f"{n}.zip") for n in range(9)]
    assert left_out_sentence(paths) == (
        "In f, 9 files are not read, because they are not images: 0.zip, 1.zip, 2.zip, 3.zip, 4.zip and 4 more."
    )
    assert left_out_sentence([Path("f/a~")]) == "In f, 1 file is not read, because it is a backup copy: a~."
    assert left_out_sentence([Path("f/a~"), Path("f/b.bak")]) == (
        "In f, 2 files are not read, because they are backup copies: a~, b.bak."
    )
    assert left_out_sentence(paths[:1]) == "In f, 1 file is not read, because it is not an image: 0.zip."
