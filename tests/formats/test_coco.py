import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.formats import coco
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.formats.segments import CocoSegment, Polygons

SQUARE = [10, 20, 30, 20, 30, 25, 10, 25]  # x from 10 to 30, y from 20 to 25


def content(**changes):
    found = {
        "images": [{"id": 7, "file_name": "a.png", "width": 60, "height": 40}, {"id": 8, "file_name": "b c.png"}],
        "categories": [{"id": 3, "name": "cell"}, {"id": 1, "name": "dust"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [9.6, 20.4, 20.1, 4.9], "segmentation": [SQUARE]},
            {"id": 2, "image_id": 7, "category_id": 1, "bbox": [0, 0, 0.1, 0.1], "iscrowd": 1},
        ],
    }
    return {**found, **changes}


def write(folder, **changes):
    path = folder / "coco.json"
    path.write_text(json.dumps(content(**changes)))
    return path


@given(st.data())
def test_round_trip(annotations, assert_same, pictures, data):
    wanted = data.draw(annotations)
    with tempfile.TemporaryDirectory() as folder:
        coco.write(Path(folder) / "coco.json", wanted, pictures)
        found = coco.read(Path(folder) / "coco.json", pictures)
    assert_same(found, wanted)
    assert all(a.segments is None for a in found)


def test_boxes_classes_and_crowds(tmp_path, pictures):
    first, second = coco.read(write(tmp_path), pictures)
    assert first.boxes.tolist() == [[20, 10, 25, 30], [0, 0, 1, 1]] and first.class_names == ["cell", "dust"]
    assert first.crowd.tolist() == [False, True] and not first.difficult.any() and first.segment(1) is None
    assert second.image_shape == (9, 300) and len(second) == 0
    coco.write(tmp_path / "again.json", [first, second], pictures)
    again = coco.read(tmp_path / "again.json", pictures)[0]
    assert again.crowd.tolist() == [False, True] and not again.difficult.any()


def test_masks_of_polygons_and_run_lengths_are_those_of_pycocotools(tmp_path, pictures, real_shape=(40, 60)):
    from pycocotools import mask

    drawn = mask.decode(mask.frPyObjects([SQUARE], *real_shape))[..., 0].astype(bool)
    packed = mask.encode(np.asfortranarray(drawn.astype(np.uint8)))
    plain = [20 + 10 * 40, *[5, 35] * 19, 5, 40 - 25 + 30 * 40]
    kinds = [[SQUARE], {"size": [40, 60], "counts": packed["counts"].decode()}, {"size": [40, 60], "counts": plain}]
    entry = content()["annotations"][0]
    path = write(tmp_path, annotations=[{**entry, "id": i, "segmentation": kind} for i, kind in enumerate(kinds)])
    found = coco.read(path, pictures)[0]
    for i in range(3):
        np.testing.assert_array_equal(found.segment(i).mask(real_shape), drawn)
    assert drawn.sum() == 100 and drawn[20:25, 10:30].all()
    coco.write(tmp_path / "again.json", [found], pictures)
    again = json.loads((tmp_path / "again.json").read_text())
    assert [a["segmentation"] for a in again["annotations"]] == kinds
    assert [a["area"] for a in again["annotations"]] == [100] * 3


def test_polygons_of_other_formats_are_written(tmp_path, pictures):
    polygon = np.array([[20.0, 10], [20, 30.5], [25, 30], [25, 10]])
    annotation = ImageAnnotation(
        pictures / "a.png", (40, 60), [(20, 10, 25, 30)], ["cell"], segments=[Polygons([polygon])]
    )
    coco.write(tmp_path / "coco.json", [annotation], pictures, classes=["dust", "cell"])
    (found,) = coco.read(tmp_path / "coco.json", pictures)
    np.testing.assert_array_equal(found.segment(0).polygons[0], polygon)
    assert json.loads((tmp_path / "coco.json").read_text())["annotations"][0]["category_id"] == 2
    with pytest.raises(DataError, match="the class 'cell', which is not in the list"):
        coco.write(tmp_path / "other.json", [annotation], pictures, classes=["dust"])


def annotation(**changes):
    return {"annotations": [{**content()["annotations"][0], **changes}]}


@pytest.mark.parametrize(
    "changes, message",
    [
        (annotation(bbox=[1, 2, float("nan"), 3]), r"annotation 1: has bbox\[2\] = nan"),
        (annotation(bbox=[1, 2, "3", []]), r"annotation 1: has bbox\[3\] = \[\]"),
        (annotation(bbox=[1, 2, 3]), "annotation 1: has bbox = .1, 2, 3., but"),
        (annotation(bbox=[5, 5, -2, 3]), "annotation 1: has a box without an area: x from 5 to 3"),
        (annotation(bbox=[50, 5, 20, 3]), "annotation 1: has a box .* partly outside the image of 60 x 40"),
        (annotation(category_id=9), "annotation 1: has category_id = 9"),
        (annotation(image_id=None), "image_id = None"),
        (annotation(image_id=[7]), "image_id = .7."),
        (annotation(category_id=1), "the class 'dust', which is not in"),
        (annotation(segmentation=[[1, 2, 3, 4]]), "annotation 1: has a segmentation that is neither"),
        *(
            (annotation(segmentation=[[1, 2, 3, 4, 5, v]]), "a segmentation that is neither")
            for v in (float("inf"), float("nan"), 10**400, "6")
        ),
        (annotation(segmentation={"size": [40, 60], "counts": [3, 9]}), "a segmentation that is neither"),
        ({"images": [{"id": 1, "file_name": "../c.png"}]}, "image 1: names the image ../c.png, which is outside"),
        (
            {"images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "./a.png"}], "annotations": []},
            "image 2: is for the image .*a.png, which is already listed in .*image 1",
        ),
        ({"images": [{"id": 1, "file_name": "a.png"}] * 2}, "images number 2: has the id 1, which is already used"),
        (
            {"images": [{"id": 1, "file_name": "a.png", "width": 0, "height": 4}]},
            "image 1: states an image size of 0 x 4",
        ),
        ({"images": [{"file_name": "a.png"}]}, "images number 1: lacks an id"),
        (
            {"categories": [{"id": 1, "name": "a"}, {"id": "1", "name": "b"}]},
            "categories number 2: has the id 1 of the category 'a', but the name 'b'",
        ),
        ({"images": {}}, "its images are not a list"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, pictures, changes, message):
    with pytest.raises(DataError, match=message):
        coco.read(write(tmp_path, **changes), pictures, classes=["cell"])


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"images": [', "line 1: is not valid JSON"),
        ("[1, 2]", "is not a COCO file: it lacks one of images"),
        ("[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    (tmp_path / "coco.json").write_text(text)
    with pytest.raises(DataError, match=message):
        coco.read(tmp_path / "coco.json")


@pytest.mark.parametrize(
    "segment, message",
    [
        *(
            (CocoSegment({"size": [40, 60], "counts": counts}), "cannot be decoded")
            for counts in ("~~~~~~", "1", "", "ä", "PPPP", "o", [2399], [2500, -100])
        ),
        (CocoSegment({"size": [4, 6], "counts": "1"}), "run lengths for an image of .4, 6. rows"),
        (CocoSegment([[0, 0, 1e9, 0, 1e9, 1e9]]), "extends far outside the image of 60 x 40"),
        (Polygons([np.array([[0, 0], [-1e9, 0], [5, 5]])]), "extends far outside the image"),
    ],
)
def test_segments_that_do_harm_are_refused(segment, message):
    with pytest.raises(DataError, match=f"object 3: .*{message}"):
        segment.mask((40, 60), "object 3")
