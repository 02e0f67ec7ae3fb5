"""`mrcnn hpa classes` and `mrcnn hpa convert`: counts, figures, files and refusals."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.__main__ import main
from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.images.read import read_image

BOX = (
    "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax>"
    "<ymax>{}</ymax></bndbox></object>"
)


@pytest.fixture
def cells(tmp_path):
    """A folder of two images and LabelImg's files beside them."""
    folder = tmp_path / "cells"
    folder.mkdir()
    boxes = {
        "a": [("Nucleoli", 0, 3, 5, 20, 30), ("Other cell", 1, 30, 5, 39, 30)],
        "b": [("Nucleoli", 0, 1, 1, 9, 9)],
    }
    for name, found in boxes.items():
        Image.fromarray(np.zeros((40, 40), np.uint8)).save(folder / f"{name}.png")
        objects = "".join(BOX.format(*box) for box in found)
        (folder / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.png</filename><size><width>40</width><height>40</height><depth>1</depth>"
            f"</size>{objects}</annotation>"
        )
    return folder


def test_xml_becomes_the_same_boxes_in_annot_txt(cells, tmp_path, capsys):
    out = tmp_path / "annot.txt"
    assert main(["hpa", "convert", str(cells), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "3 boxes of 2 images in" in said.out and "cannot hold 1 marks of difficult objects" in said.err
    assert out.read_text().splitlines()[0] == "cells/a.png,2,4,20,30,Nucleoli"
    before, after = BoxDataset(cells), BoxDataset(out)
    for image_id in before.image_ids:
        own, new = before.load_instances(image_id), after.load_instances(image_id)
        np.testing.assert_array_equal(own.boxes, new.boxes)
        np.testing.assert_array_equal(own.class_ids, new.class_ids)


def test_paths_are_relative_to_the_images_if_these_are_named(cells, tmp_path, capsys):
    boxes = tmp_path / "boxes"
    boxes.mkdir()
    for path in cells.glob("*.xml"):
        path.rename(boxes / path.name)
    out = tmp_path / "elsewhere" / "annot.csv"
    assert main(["hpa", "convert", str(boxes), "--images", str(cells), "--out", str(out), "--header"]) == 0
    assert out.read_text().startswith("path,x1,y1,x2,y2,class\na.png,")
    assert len(BoxDataset(out, images=cells).image_ids) == 2


def test_nothing_is_replaced(cells, tmp_path, capsys):
    out = tmp_path / "annot.txt"
    out.write_text("mine")
    assert main(["hpa", "convert", str(cells), "--out", str(out)]) == 2
    assert "annot.txt: already exists" in capsys.readouterr().err and out.read_text() == "mine"


def test_classes_of_annotations_are_counted_and_drawn(cells, tmp_path, capsys):
    out = tmp_path / "classes.png"
    assert main(["hpa", "classes", str(cells), "--out", str(out)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in said[:2]] == [["2", "Nucleoli"], ["1", "Other cell"]]
    assert "3 objects in 2 images" in said[-1]
    assert np.ptp(read_image(out)) > 100


def test_classes_of_the_atlas_are_counted_by_field(tmp_path, capsys):
    (tmp_path / "train.csv").write_text("Id,Target\nx,2 0\ny,2\nz,25\n")
    out = tmp_path / "figures" / "classes.pdf"
    assert main(["hpa", "classes", str(tmp_path / "train.csv"), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("       2 Nucleoli\n") and "3 fields" in said and "0 Mitochondria" in said
    assert out.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("content", "out", "problem"),
    [
        ("Id,Target\nx,99\n", "a.png", "line 2: has the label '99'"),
        ("Id,Target\nx,1\n", "a.xyz", "'.xyz' is not a supported image format"),
        ("wrong\n", "a.png", "train.csv"),
    ],
)
def test_what_cannot_be_counted_or_drawn_is_named(content, out, problem, tmp_path, capsys):
    (tmp_path / "train.csv").write_text(content)
    assert main(["hpa", "classes", str(tmp_path / "train.csv"), "--out", str(tmp_path / out)]) == 2
    assert problem in capsys.readouterr().err and not (tmp_path / out).exists()
