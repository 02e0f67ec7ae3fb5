"""Files, folders and patterns become pictures, and each picture a name of its own."""
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.cli.inputs import find_images, result_names
from mrcnn.errors import ConfigError


def test_files_folders_and_patterns(pictures):
    paths, errors = find_images([str(pictures / "two.tif"), str(pictures), str(pictures / "s*.tif")])
    assert [p.name for p in paths] == ["two.tif", "one.tif", "stack.tif"]
    assert errors == []


def test_what_is_not_there_is_an_error_beside_the_others(pictures):
    (pictures / "empty").mkdir()
    paths, errors = find_images([str(pictures / "x*.png"), str(pictures / "empty"), str(pictures / "one.tif")])
    assert [p.name for p in paths] == ["one.tif"]
    assert ["matches no file" in str(errors[0]), "holds no picture" in str(errors[1])] == [True, True]


def test_a_format_that_is_not_read_is_named_and_the_other_pictures_are_found(pictures):
    (pictures / "scan.czi").write_bytes(b"ZISRAWFILE")
    paths, errors = find_images([str(pictures)])
    assert [p.name for p in paths] == ["one.tif", "stack.tif", "two.tif"]
    assert "scan.czi" in str(errors[0])


def test_names_are_stems_where_these_differ():
    assert result_names([Path("a/x.tif"), Path("b/y.png")]) == ["x", "y"]


def test_same_stems_get_their_folder_and_then_their_suffix():
    assert result_names([Path("a/x.tif"), Path("b/x.tif"), Path("a/y.tif")]) == ["a_x", "b_x", "y"]
    assert result_names([Path("a/x.tif"), Path("a/x.png")]) == ["a_x_tif", "a_x_png"]


def test_what_cannot_be_told_apart_is_refused():
    with pytest.raises(ConfigError, match="same name"):
        result_names([Path("p/a/x.tif"), Path("q/a/x.tif")])


@given(st.sets(st.tuples(st.sampled_from(["a", "b", "a_b"]), st.sampled_from(["x", "X", "b_x", "a_x", "x_tif"]),
                         st.sampled_from([".tif", ".png"])), max_size=12))
def test_names_never_clash(parts):
    paths = [Path(folder) / f"{stem}{suffix}" for folder, stem, suffix in sorted(parts)]
    try:
        names = result_names(paths)
    except ConfigError:
        return
    assert len({n.lower() for n in names}) == len(paths)
