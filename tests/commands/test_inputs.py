"""Image files from files, folders and patterns, and a unique name for each."""

import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.commands.inputs import (
    check_writable,
    file_name,
    find_images,
    result_names,
    results_folder,
    same_name,
    table_names,
)
from mrcnn.errors import ConfigError, DataError


def test_files_folders_and_patterns(pictures):
    paths, errors = find_images([str(pictures / "two.tif"), str(pictures), str(pictures / "s*.tif")])
    assert [p.name for p in paths] == ["two.tif", "one.tif", "stack.tif"]
    assert errors == []


def test_missing_files_are_errors_and_the_others_are_found(pictures):
    (pictures / "empty").mkdir()
    paths, errors = find_images([str(pictures / "x*.png"), str(pictures / "empty"), str(pictures / "one.tif")])
    assert [p.name for p in paths] == ["one.tif"]
    assert ["matches no file" in str(errors[0]), "contains no images" in str(errors[1])] == [True, True]


def test_an_unsupported_format_is_named_and_the_other_images_are_found(pictures):
    (pictures / "scan.czi").write_bytes(b"ZISRAWFILE")
    paths, errors = find_images([str(pictures)])
    assert [p.name for p in paths] == ["one.tif", "stack.tif", "two.tif"]
    assert "scan.czi" in str(errors[0])


def test_names_are_stems_if_these_differ():
    assert result_names([Path("a/x.tif"), Path("b/y.png")]) == ["x", "y"]


def test_same_stems_get_their_folder_and_then_their_suffix():
    assert result_names([Path("a/x.tif"), Path("b/x.tif"), Path("a/y.tif")]) == ["a_x", "b_x", "y"]
    assert result_names([Path("a/x.tif"), Path("a/x.png")]) == ["a_x_tif", "a_x_png"]


def test_names_that_some_file_systems_take_for_one_are_numbered():
    assert result_names([Path("p/a.tif"), Path("p/A.tif")]) == ["a", "A_2"]
    assert result_names([Path("p/A/x.tif"), Path("p/a/x.tif"), Path("p/x_2.tif")]) == ["x", "x_3", "x_2"]
    composed, separate = "caf\u00e9.tif", "cafe\u0301.tif"
    paths = [Path("p") / composed, Path("p") / separate]
    assert result_names(paths) == ["caf\u00e9", "cafe\u0301_2"]
    first, second = table_names(paths)
    assert first.endswith(composed) and second.endswith(f"{separate} (2)")


def test_fields_of_a_screen_are_named_with_as_many_folders_as_needed():
    paths = [Path(plate) / well / "f.png" for plate in ("p1", "p2") for well in ("A1", "A2")]
    assert result_names(paths) == ["p1_A1_f_png", "p1_A2_f_png", "p2_A1_f_png", "p2_A2_f_png"]
    assert table_names(paths) == ["p1/A1/f.png", "p1/A2/f.png", "p2/A1/f.png", "p2/A2/f.png"]
    assert table_names([paths[0], paths[1], Path("p1/A1/g.png")]) == ["A1/f.png", "A2/f.png", "g.png"]
    assert table_names([Path("f.png"), Path("f.tif")]) == ["f.png", "f.tif"]


@given(
    st.sets(
        st.tuples(
            st.sampled_from(["a", "b", "a_b"]),
            st.sampled_from(["x", "X", "b_x", "a_x", "x_tif", "x_2", "\u00e9", "e\u0301", "E\u0301"]),
            st.sampled_from([".tif", ".png"]),
        ),
        max_size=12,
    )
)
def test_names_never_clash(parts):
    paths = [Path(folder) / f"{stem}{suffix}" for folder, stem, suffix in sorted(parts)]
    assert len({unicodedata.normalize("NFC", name) for name in table_names(paths)}) == len(paths)
    names = result_names(paths)
    assert len({same_name(n) for n in names}) == len(paths)


def test_results_are_not_written_among_the_input_images(tmp_path):
    options = {"images": [str(tmp_path), "a.tif"], "out": str(tmp_path / "out")}
    assert results_folder(options) == tmp_path / "out"
    with pytest.raises(ConfigError, match="a folder of input images"):
        results_folder({**options, "out": str(tmp_path / "out" / "..")})


@given(st.text(min_size=1))
def test_file_names_have_only_characters_that_every_system_accepts(text):
    name = file_name(text)
    assert len(name) == len(text) and not set(name) & set('/\\:*?"<>| \0')
    assert file_name(name) == name


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    check_writable(tmp_path / "new" / "folder")
    assert (tmp_path / "new" / "folder").is_dir() and not any((tmp_path / "new" / "folder").iterdir())
    (tmp_path / "file").write_text("of the user")
    with pytest.raises(DataError, match=r"file: cannot be written") as error:
        check_writable(tmp_path / "file")
    assert ".writing" not in str(error.value)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(DataError, match=r"has only 1\.0 MB of space left\. Free some"):
        check_writable(tmp_path / "new")
