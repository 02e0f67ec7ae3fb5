"""labelme files of other things are not taken for the sections of a wafer: their labels are read."""

import json

import numpy as np
import pytest
import tifffile

from mrcnn.__main__ import main
from mrcnn.domains.wafer.labels.read import read_labels
from mrcnn.errors import DataError
from mrcnn.formats.open import read_annotations


def labelled(folder, labels, **more):
    """A labelme file with a square for each label, and its image."""
    shapes = [
        {
            "label": label,
            "points": [[10 * i, 5], [10 * i + 8, 5], [10 * i + 8, 20], [10 * i, 20]],
            "shape_type": "polygon",
        }
        for i, label in enumerate(labels)
    ]
    tifffile.imwrite(folder / "shelf.tif", np.zeros((60, 200), np.uint8))
    path = folder / "shelf.json"
    path.write_text(json.dumps({"imagePath": "shelf.tif", "shapes": shapes, **more}))
    return path


@pytest.mark.parametrize(
    "labels, named",
    [
        (["milk", "milk", "tea", "bread"], "milk, tea, bread"),
        (["person"] * 10, "person"),
        (["cell_1", "cell_2", "cell_3", "debris"], "cell_1"),
        (["tissue", "magnet", "envelope", "person"], "person"),
    ],
)
def test_other_things_are_no_sections(tmp_path, labels, named):
    with pytest.raises(DataError, match=f"labels that are no parts of sections .{named}.*COCO") as caught:
        read_labels(labelled(tmp_path, labels))
    assert "shelf.json" in str(caught.value)


def test_no_command_takes_them_for_sections(tmp_path, capsys):
    path = labelled(tmp_path, ["milk", "milk", "tea", "bread"])
    channels = f"grey={tmp_path / 'shelf.tif'},fluo={tmp_path / 'shelf.tif'}"
    options = ["--labels", str(path), "--out", str(tmp_path / "out"), "--channels", channels]
    assert main(["wafer", "artificial", *options]) == 2
    assert "labels that are no parts of sections (milk, tea, bread)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("label", [None, "", "7", "a", "section", "Section 3", "polygon", "tissue"])
def test_sections_need_no_names(tmp_path, label):
    assert len(read_labels(labelled(tmp_path, [label] * 7))) == 2


def test_their_objects_are_not_read_as_annotations_in_silence_either(tmp_path):
    with pytest.raises(DataError, match="is a labelme file. Convert it to COCO"):
        read_annotations(labelled(tmp_path, ["milk"]))


def test_nothing_outside_the_folder_is_opened_because_the_file_says_so(tmp_path):
    """`imagePath` is text: the size is not read from `../secret.tif`, nor from a network path."""
    tifffile.imwrite(tmp_path / "secret.tif", np.zeros((500, 700), np.uint8))
    folder = tmp_path / "labels"
    folder.mkdir()
    for name in ("../secret.tif", "..\\secret.tif", str(tmp_path / "secret.tif"), "\\\\host\\share\\secret.tif"):
        labels = read_labels(labelled(folder, ["tissue-1"], imagePath=name))
        assert labels.image_shape is None and labels.image_path == folder / "secret.tif"
    for name in ("\0", "..", "x" * 5000, ""):
        assert read_labels(labelled(folder, ["tissue-1"], imagePath=name)).image_path is None
    tifffile.imwrite(folder / "secret.tif", np.zeros((60, 200), np.uint8))
    assert read_labels(labelled(folder, ["tissue-1"], imagePath="../secret.tif")).image_shape == (60, 200)
