"""The record of the files that were written into a folder."""

import json
import os

import pytest

from mrcnn.commands.own_results import RECORD, OwnResults, refuse_taken, results_among
from mrcnn.errors import ConfigError

KINDS = "labels", "overlay"


@pytest.fixture
def folder(tmp_path):
    """With results of "a", a file of the user, and a record."""
    results = OwnResults(tmp_path)
    results.claim(["a"], KINDS, ["summary.csv"])
    for name in ("a_labels.tif", "a_overlay.png", "a_overlay_0003.png", "summary.csv", "mine.tif"):
        (tmp_path / name).write_text(name)
    results.settle()
    return tmp_path


def test_what_was_written_is_own_until_it_changes(folder):
    results = OwnResults(folder)
    names = ("a_labels.tif", "a_overlay.png", "a_overlay_0003.png", "summary.csv")
    assert all(map(results.is_own, names)) and not results.is_own("mine.tif")
    (folder / "a_labels.tif").write_text("other")
    os.utime(folder / "a_overlay.png", (1, 1))
    assert [OwnResults(folder).is_own(name) for name in names] == [False, False, True, True]
    assert OwnResults(folder).is_result("a_labels.tif") and not OwnResults(folder).is_result("mine.tif")


def test_taken_are_names_that_would_be_written_in_any_spelling(folder):
    for name in ("b_labels.tif", "B_overlay_0012.png", "c_labels.tif", "b_rois.zip", "Summary.csv"):
        (folder / name).write_text("of the user")
    results = OwnResults(folder)
    assert results.taken(["a", "b"], KINDS, ["summary.csv"]) == ["B_overlay_0012.png", "Summary.csv", "b_labels.tif"]
    assert results.taken(["a"], KINDS) == [] == OwnResults(folder / "absent").taken(["a"], KINDS)


def test_two_runs_in_one_folder(folder):
    results = OwnResults(folder)
    results.claim(["b"], KINDS)
    (folder / "b_labels.tif").write_text("")
    # Killed here: the claim stands for what was written, and the earlier results are still known.
    assert OwnResults(folder).is_own("b_labels.tif") and OwnResults(folder).is_own("a_labels.tif")
    results = OwnResults(folder)
    results.claim(["c"], KINDS)
    assert OwnResults(folder).is_own("b_labels.tif") and not OwnResults(folder).is_own("mine.tif")
    results.settle()
    (folder / "b_labels.tif").unlink()
    OwnResults(folder).settle()
    assert set(json.loads((folder / RECORD).read_text())["written"]) == {
        "a_labels.tif",
        "a_overlay.png",
        "a_overlay_0003.png",
        "summary.csv",
    }


def test_results_among_images(folder):
    images = [folder / name for name in ("mine.tif", "a_labels.tif", "a_overlay.png")]
    assert results_among(images) == images[1:]
    (folder / RECORD).unlink()
    assert results_among(images) == []
    (folder / "summary.csv").write_text("image,page,count\n")
    assert results_among(images) == images[1:], "an earlier version kept no record"
    (folder / "summary.csv").unlink()
    assert results_among(images) == []
    (folder / "parts").mkdir()
    (folder / "parts" / "run.json").write_text("{}")
    assert results_among(images) == images[1:], "an earlier version was killed"


def test_refusals_name_the_file_and_a_cure(tmp_path):
    refuse_taken([], tmp_path)
    with pytest.raises(ConfigError, match=r"x\.csv: is there.*and 1 more such files.*--overwrite"):
        refuse_taken(["x.csv", "y.csv"], tmp_path)
    refuse_taken(["x.csv"], tmp_path, overwrite=True)
    with pytest.raises(ConfigError, match=r"x\.csv: is one of the images"):
        refuse_taken(["x.csv"], tmp_path, [tmp_path / "x.csv"], overwrite=True)
