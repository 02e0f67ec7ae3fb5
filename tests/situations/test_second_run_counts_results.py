"""Results that lie among the images are not taken for images by the next run."""

import pandas as pd
import pytest
import tifffile
from large_images import Blobs, called, scene


@pytest.fixture
def folder(tmp_path):
    for i, name in enumerate(("cell", "other")):
        tifffile.imwrite(tmp_path / f"{name}.tif", scene((40, 40), i))
    return tmp_path


def predict(folder, *images, out=".", options=()):
    detector = Blobs(TRAINED_SCALE=1.0)
    return called(detector, "--out", folder / out, *options, *images), detector


def test_the_same_command_twice(folder, capsys):
    assert predict(folder, *sorted(folder.glob("*.tif")))[0] == 0
    first = pd.read_csv(folder / "summary.csv")
    images = sorted(folder.glob("*.tif"))
    assert len(images) == 4
    code, detector = predict(folder, *images)
    assert code == 2 and not detector.seen
    assert "cell_labels.tif: is a result of this program, not an image" in capsys.readouterr().err
    assert pd.read_csv(folder / "summary.csv").equals(first) and not (folder / "cell_labels_labels.tif").exists()


@pytest.mark.parametrize("given", ["folder", "pattern"])
def test_a_folder_of_images_and_results_with_results_elsewhere(folder, given, capsys):
    assert predict(folder, *sorted(folder.glob("*.tif")))[0] == 0
    code, _ = predict(folder, folder if given == "folder" else folder / "*.tif", out="elsewhere")
    assert code == 0 and "Not taken for an image: " in capsys.readouterr().out
    assert pd.read_csv(folder / "elsewhere" / "summary.csv")["image"].tolist() == ["cell.tif", "other.tif"]


def test_a_folder_of_results_alone(folder, capsys):
    assert predict(folder, folder / "cell.tif", out="results")[0] == 0
    code, detector = predict(folder, folder / "results", out="more")
    assert code == 2 and not detector.seen
    said = capsys.readouterr()
    assert "cell_labels.tif" in said.out and "Give the folder of the images" in said.err


def test_results_that_were_corrected_by_hand_are_no_images_either(folder):
    assert predict(folder, folder / "cell.tif")[0] == 0
    labels = tifffile.imread(folder / "cell_labels.tif")
    tifffile.imwrite(folder / "cell_labels.tif", labels[:30])
    assert predict(folder, folder, out="elsewhere")[0] == 0
    assert set(pd.read_csv(folder / "elsewhere" / "summary.csv")["image"]) == {"cell.tif", "other.tif"}


def test_an_image_with_such_a_name_is_one_where_no_results_are(tmp_path):
    tifffile.imwrite(tmp_path / "well_labels.tif", scene((40, 40), 1))
    assert predict(tmp_path, tmp_path, out="out")[0] == 0
    assert pd.read_csv(tmp_path / "out" / "summary.csv")["image"].tolist() == ["well_labels.tif"]
