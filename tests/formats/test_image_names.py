import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.formats.image_names import ImageNames, match_stems


@pytest.fixture
def folder(tmp_path):
    for name in ("a.tif", "B.PNG", unicodedata.normalize("NFD", "ä.png"), "c.tif", "C.jpg", "v1.2.tif", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "d.png").touch()
    return tmp_path


@pytest.mark.parametrize(
    "name, found",
    [
        ("a.tif", "a.tif"),
        ("a.png", "a.tif"),
        ("A.jpeg", "a.tif"),
        ("b.png", "B.PNG"),
        ("ä.png", unicodedata.normalize("NFD", "ä.png")),
        ("Ä.jpg", unicodedata.normalize("NFD", "ä.png")),
        ("c.png", "c.tif"),  # in its own case
        ("v1.2", "v1.2.tif"),  # without an ending
        ("v1.2.png", "v1.2.tif"),
        ("v1.png", "v1.png"),  # does not exist
        ("v1", "v1"),
        ("notes.png", "notes.png"),  # a text is no image
        ("sub/d.jpg", "sub/d.png"),
        ("sub\\D.PNG", "sub/d.png"),
    ],
)
def test_name_then_spelling_then_stem(folder, name, found):
    assert ImageNames([folder]).find(name, "x") == folder / found


def test_the_first_folder_with_the_image_is_taken(folder):
    names = ImageNames([folder, folder / "sub"])
    assert names.find("d.png", "x") == folder / "sub" / "d.png" and names.find("e.png", "x") == folder / "e.png"
    (folder / "d.tif").touch()
    assert ImageNames([folder, folder / "sub"]).find("d.png", "x") == folder / "sub" / "d.png"  # the very name first


def test_names_are_not_taken_for_one_another(folder):
    names = ImageNames([folder])
    assert names.find("a.png", "x") == names.find("a.png", "again") == folder / "a.tif"
    with pytest.raises(DataError, match=r"line 3: names the image a\.tif, which does not exist; .* image of a\.png"):
        names.find("a.tif", "line 3")


def test_two_that_could_be_meant_are_refused(folder):
    assert ImageNames([folder]).find("C.gif", "x") == folder / "C.jpg"
    (folder / "C.png").touch()
    with pytest.raises(
        DataError, match=r"x: is for the image C\.gif, which does not exist, but C\.jpg, C\.png have its"
    ):
        ImageNames([folder]).find("C.gif", "x")


@given(st.text(max_size=20))
def test_no_name_leads_out_of_the_folder_or_fails_otherwise(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp() / "names"
    folder.mkdir(exist_ok=True)
    for users in (None, folder):
        try:
            found = ImageNames([folder], users).find(name, "here")
        except DataError as error:
            assert str(error).startswith("here: ")
        else:
            assert folder in found.parents


def test_stems():
    pictures = [Path(name) for name in ("a.png", "B.png", "ä.png", "c.png", "C.tif", "x.png")]
    stems = ["a", "A", "b", unicodedata.normalize("NFD", "ä"), "c", "y"]
    assert match_stems(stems, pictures) == {
        "a": Path("a.png"),
        "b": Path("B.png"),
        unicodedata.normalize("NFD", "ä"): Path("ä.png"),
        "c": Path("c.png"),
    }
    assert match_stems(["X", "x "], [Path("x.png")]) == {"X": Path("x.png")}
    assert match_stems(["Q", "q"], [Path("q.png")]) == {"q": Path("q.png")}
    assert match_stems(["QQ", "qq"], [Path("Qq.png")]) == {}
