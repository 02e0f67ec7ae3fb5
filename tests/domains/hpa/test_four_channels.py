"""Boxes drawn on merged RGB images fit the images with four channels, whatever the format of the annotations."""

import json

import numpy as np
import pytest
from PIL import Image

from mrcnn.__main__ import main
from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.formats import coco, keras_frcnn, via, voc, yolo
from mrcnn.formats.annotation import ImageAnnotation

FORMATS = {
    "labelimg": (voc, "boxes"),
    "keras-frcnn": (keras_frcnn, "annot.txt"),
    "yolo": (yolo, "boxes"),
    "coco": (coco, "boxes.json"),
    "via": (via, "boxes.json"),
}
BOXES = {"f1": (3, 5, 20, 30), "f2_a": (1, 1, 9, 9)}


@pytest.fixture
def merged(tmp_path):
    """Folders `rgb` and `four` of two merged fields, in a folder."""
    rng = np.random.default_rng(0)
    (tmp_path / "stains").mkdir()
    for name in BOXES:
        for channel in ("red", "green", "blue", "yellow"):
            pixels = rng.integers(0, 256, (40, 44), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "stains" / f"{name}_{channel}.png")
    for mode in ("rgb", "four"):
        words = ["hpa", "merge", str(tmp_path / "stains"), "--out", str(tmp_path / mode), "--mode", mode]
        assert main(words) == 0
    return tmp_path


@pytest.mark.parametrize("name", FORMATS)
def test_annotations_of_one_fit_the_other(merged, name):
    module, target = FORMATS[name]
    annotations = [
        ImageAnnotation(merged / "rgb" / f"{field}.png", (40, 44), np.array([box], np.int32), ["Nucleoli"])
        for field, box in BOXES.items()
    ]
    more = {"images": merged / "rgb"} if name in ("coco", "via", "keras-frcnn") else {}
    module.write(merged / target, annotations, **more)
    for mode, channels in (("rgb", 3), ("four", 4)):
        dataset = BoxDataset(merged / target, images=merged / mode)
        assert len(dataset.image_ids) == 2
        for image_id in dataset.image_ids:
            assert dataset.load_image(image_id).shape == (40, 44, channels)
            field = dataset.image_reference(image_id).rpartition("/")[2].partition(".")[0]
            np.testing.assert_array_equal(dataset.load_instances(image_id).boxes, [BOXES[field]])


def test_two_images_of_that_stem_are_no_guess(merged, capsys):
    annotations = [ImageAnnotation(merged / "x" / "f1.png", (40, 44), np.array([BOXES["f1"]], np.int32), ["Nucleoli"])]
    coco.write(merged / "boxes.json", annotations, images=merged / "x")
    assert json.loads((merged / "boxes.json").read_text())["images"][0]["file_name"] == "f1.png"
    (merged / "four" / "f1.tiff").write_bytes((merged / "four" / "f1.tif").read_bytes())
    out = merged / "annot.txt"
    words = ["hpa", "convert", str(merged / "boxes.json"), "--images", str(merged / "four"), "--out", str(out)]
    assert main(words) == 2
    assert "f1" in capsys.readouterr().err
    (merged / "four" / "f1.tiff").unlink()
    assert main(words) == 0 and out.read_text().startswith("f1.tif,")
