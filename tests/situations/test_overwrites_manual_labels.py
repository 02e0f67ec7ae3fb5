"""Files that this program did not write, or that were changed by hand since, are never replaced without being asked."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from large_images import Blobs, called, scene

MINE = np.full((40, 40), 7, np.uint16)


def predict(tmp_path, *options, image="cell.tif", out="out", write="labels,overlay,instances,summary", detector=None):
    detector = detector or Blobs(TRAINED_SCALE=1.0)
    code = called(detector, "--out", tmp_path / out, *options, tmp_path / image, write=write)
    return code, detector


@pytest.fixture
def cell(tmp_path):
    tifffile.imwrite(tmp_path / "cell.tif", scene((40, 40), 1))
    return tmp_path / "cell.tif"


def test_labels_drawn_by_hand_end_the_run_before_the_first_image(cell, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "cell_labels.tif", MINE)
    code, detector = predict(tmp_path, out=".")
    said = capsys.readouterr().err
    assert code == 2 and not detector.seen
    assert "cell_labels.tif: is there, and this program did not write it" in said
    assert "Choose another --out" in said and "--overwrite" in said
    assert (tifffile.imread(tmp_path / "cell_labels.tif") == MINE).all()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cell.tif", "cell_labels.tif"]
    assert predict(tmp_path, "--overwrite", out=".")[0] == 0
    assert (tifffile.imread(tmp_path / "cell_labels.tif") != 7).any()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("summary.csv", "summary"),
        ("failed.csv", "summary"),
        ("detections.json", "coco"),
        ("cell_rois.zip", "rois"),
        ("cell_overlay.png", "overlay"),
        ("cell_labels.ome.zarr", "zarr"),
        ("cells.csv", "cells"),
    ],
)
def test_tables_and_files_of_other_programs(cell, tmp_path, capsys, name, write):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("of another program")
    code, detector = predict(tmp_path, write=write)
    assert code == 2 and not detector.seen and f"{name}: is there" in capsys.readouterr().err
    assert (tmp_path / "out" / name).read_text() == "of another program"


def test_files_that_are_not_written_are_nobodys_business(cell, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "other_labels.tif").write_text("mine")
    (tmp_path / "out" / "cell_rois.zip").write_text("mine")
    assert predict(tmp_path)[0] == 0
    assert (tmp_path / "out" / "cell_rois.zip").read_text() == "mine"


def test_own_results_are_replaced_and_those_corrected_by_hand_are_not(cell, tmp_path, capsys):
    assert predict(tmp_path)[0] == predict(tmp_path)[0] == 0
    corrected = tifffile.imread(tmp_path / "out" / "cell_labels.tif")
    corrected[0, 0] = 99
    tifffile.imwrite(tmp_path / "out" / "cell_labels.tif", corrected)
    code, detector = predict(tmp_path)
    assert code == 2 and not detector.seen and "or it was changed since" in capsys.readouterr().err
    assert tifffile.imread(tmp_path / "out" / "cell_labels.tif")[0, 0] == 99
    assert predict(tmp_path, write="instances")[0] == 0  # which leaves the labels alone
    assert predict(tmp_path)[0] == 2


def test_what_a_killed_run_wrote_is_its_own(cell, tmp_path):
    tifffile.imwrite(tmp_path / "z.tif", scene((40, 40), 2))
    stopped = Blobs(TRAINED_SCALE=1.0)
    stopped.stop_after = 1
    files = "--part-size", "1", tmp_path / "cell.tif", tmp_path / "z.tif"
    assert called(stopped, "--out", tmp_path / "out", *files) == 130
    assert (tmp_path / "out" / "cell_labels.tif").is_file()
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "out", "--resume", *files) == 0
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "out", *files) == 0


def test_results_of_a_version_that_kept_no_record(cell, tmp_path):
    assert predict(tmp_path)[0] == 0
    (tmp_path / "out" / "written_by_mrcnn.json").unlink()
    assert predict(tmp_path)[0] == 0


def test_an_image_is_not_replaced_by_a_result_either(cell, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "cell_labels.tif", MINE)
    code = called(Blobs(), "--out", tmp_path, "--overwrite", tmp_path / "cell.tif", tmp_path / "cell_labels.tif")
    assert code == 2 and "cell_labels.tif: is one of the images" in capsys.readouterr().err
    assert (tifffile.imread(tmp_path / "cell_labels.tif") == MINE).all()


def test_a_folder_that_cannot_be_written_ends_the_run_before_the_first_image(cell, tmp_path, capsys):
    (tmp_path / "out").write_text("a file")
    code, detector = predict(tmp_path)
    assert code == 2 and not detector.seen and "out: cannot be written" in capsys.readouterr().err


def test_the_record_does_not_grow_wrong(cell, tmp_path):
    for _ in range(2):
        assert predict(tmp_path)[0] == 0
    assert len(pd.read_csv(tmp_path / "out" / "summary.csv")) == 1
    for damaged in ("{", "[]", '{"written": 3, "claimed": {"stems": 1}}'):
        (tmp_path / "out" / "written_by_mrcnn.json").write_text(damaged)
        assert predict(tmp_path)[0] == 0, damaged
