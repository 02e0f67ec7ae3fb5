"""Descriptions of data sets, annotations and folders of images."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.commands.info import describe


def test_label_images(label_images, shown):
    found, errors = describe(label_images)
    assert errors == [] and (found["images"], found["objects"], found["complete"]) == (3, 4, True)
    expected = np.percentile([np.sqrt(4 * side**2 / np.pi) for side in (4, 8, 8, 2)], (25, 50, 75))
    assert found["diameter_px"] == pytest.approx(expected, abs=0.01)
    assert found["pixel_size_nm"] == pytest.approx((5, 5)) and not found["named"]
    code, rows, _ = shown(label_images)
    assert code == 0 and rows["what"] == "data set: images and label images"
    assert rows["classes"] == "one, which this layout does not name"
    assert rows["object size"].startswith(f"diameter {expected[1]:.3g} pixels") and " nm (" in rows["object size"]


def test_classes_from_folders(label_images, squares, shown):
    for name, sides in (("nucleus", (4, 4)), ("vesicle", (2,))):
        for i in range(3):
            path = label_images / "labels" / name / f"i{i}.tif"
            path.parent.mkdir(exist_ok=True)
            tifffile.imwrite(path, squares(*sides))
            (label_images / "labels" / f"i{i}.tif").unlink(missing_ok=True)
    found, _ = describe(label_images)
    assert found["classes"] == {"nucleus": 6, "vesicle": 3} and found["named"]
    _, rows, _ = shown(label_images)
    assert rows["classes"] == "nucleus (6), vesicle (3)"
    assert rows["nucleus"].startswith("4.51 pixels") and rows["vesicle"].startswith("2.26 pixels")


def test_only_some_images_are_measured(label_images, shown):
    _, rows, _ = shown(label_images, "--limit", "2")
    assert rows["images"] == "3 images of 40 x 40 pixels, 1 channel"
    assert rows["objects"] == "2 in 2 images evenly spread over the data set (--limit)"


def test_a_damaged_image_of_a_data_set_is_named_and_the_others_count(label_images, shown):
    (label_images / "labels" / "i1.tif").write_bytes(b"II*\0")
    code, rows, errors = shown(label_images)
    assert code == 1 and rows["objects"] == "2 in 2 images evenly spread over the data set (--limit)"
    (line,) = errors.splitlines()
    assert line.startswith("error: ") and "i1.tif" in line
    for i in (0, 2):
        (label_images / "labels" / f"i{i}.tif").write_bytes(b"II*\0")
    assert shown(label_images)[0] == 2


def coco(folder, segmentation, names=("a.png", "b.png")):
    """A COCO file with two objects of 10 x 20 pixels in the first image, of two classes."""
    objects = [
        {"id": i, "image_id": 1, "category_id": i, "bbox": [5, 5, 20, 10], "area": 200, "iscrowd": 0}
        | ({"segmentation": [[5, 5, 25, 5, 25, 15, 5, 15]]} if segmentation else {})
        for i in (1, 2)
    ]
    images = [{"id": i, "file_name": n, "width": 60, "height": 50} for i, n in enumerate(names, start=1)]
    categories = [{"id": i, "name": n} for i, n in enumerate(("cell", "debris"), start=1)]
    path = folder / "annotations.json"
    path.write_text(json.dumps({"images": images, "annotations": objects, "categories": categories}))
    return path


@pytest.mark.parametrize("segmentation", [True, False])
@pytest.mark.parametrize("exist", [True, False])
def test_annotations(segmentation, exist, tmp_path, shown):
    path = coco(tmp_path, segmentation)
    for name in ("a.png", "b.png") if exist else ("a.png",):
        Image.fromarray(np.zeros((50, 60), np.uint8)).save(tmp_path / name)
    found, _ = describe(path)
    assert (found["images"], found["objects"], found["classes"]) == (2, 2, {"cell": 1, "debris": 1})
    assert found["diameter_px"] == pytest.approx([np.sqrt(800 / np.pi)] * 3, abs=0.01)
    assert found["outlines"] == (segmentation and exist) and found["image_sizes"] == [[50, 60], [50, 60]]
    assert [Path(p).name for p in found["missing"]] == ([] if exist else ["b.png"])
    code, rows, _ = shown(path)
    assert code == 0 and rows["what"] == "data set: annotations in the format COCO"
    assert exist or "1 of them do not exist, such as" in rows["images"]


def test_annotations_without_objects(tmp_path):
    path = coco(tmp_path, False)
    path.write_text(json.dumps({**json.loads(path.read_text()), "annotations": []}))
    found, _ = describe(path)
    assert (found["objects"], found["diameter_px"]) == (0, None)


def test_a_folder_of_annotations(tmp_path):
    (tmp_path / "classes.txt").write_text("cell\n")
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    Image.fromarray(np.zeros((50, 60), np.uint8)).save(tmp_path / "a.png")
    found, _ = describe(tmp_path)
    assert found["layout"] == "annotations in the format YOLO" and found["classes"] == {"cell": 1}
    assert not found["outlines"] and found["diameter_px"][1] == pytest.approx(np.sqrt(12 * 20 * 4 / np.pi), abs=0.01)


def test_a_folder_of_images(tmp_path, shown):
    for i, side in enumerate((20, 30)):
        tifffile.imwrite(tmp_path / f"{i}.tif", np.zeros((side, 40), np.uint8))
    code, rows, _ = shown(tmp_path)
    assert (code, rows["what"], rows["images"]) == (
        0,
        "folder of images",
        "2 images of 20 x 40 to 30 x 40 pixels, 1 channel",
    )
    (tmp_path / "1.tif").write_bytes(b"II*\0")
    code, rows, errors = shown(tmp_path)
    assert code == 1 and rows["images"].startswith("2 images of 20 x 40") and "1.tif" in errors
