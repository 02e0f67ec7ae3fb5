"""A COCO file as other programs write it is read, or refused with a cure that cures."""

import json

import numpy as np
import pytest
from PIL import Image

from mrcnn.__main__ import main
from mrcnn.data.readers.open import open_any
from mrcnn.errors import DataError
from mrcnn.formats.open import read_annotations

TRIANGLE = [10, 10, 30, 10, 10, 30]


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / name)
    return tmp_path


def content(**changes):
    found = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [annotation()],
    }
    return {**found, **changes}


def annotation(**changes):
    entry = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10, 10, 20, 20],
        "segmentation": [TRIANGLE],
        "iscrowd": 0,
    }
    return {key: value for key, value in {**entry, **changes}.items() if value is not Ellipsis}


def written(folder, name="result.json", **changes):
    path = folder / name
    path.write_text(json.dumps(content(**changes)))
    return path


def objects(path):
    """Boxes, class names and areas of the first image."""
    dataset = open_any(path)
    instances = dataset.load_instances(0)
    return instances.boxes.tolist(), [dataset.class_names[i] for i in instances.class_ids], instances.areas().tolist()


SAME = [
    annotation(segmentation=TRIANGLE),  # VIA: flat
    annotation(segmentation=[[10, 10], [30, 10], [10, 30]]),  # points
    annotation(segmentation=[TRIANGLE, []]),
    annotation(bbox=["10", "10.0", "20", "20"]),
    annotation(bbox=[10.2, 9.8, 20.1, 19.9]),
    annotation(bbox=...),
    annotation(bbox=None),
    annotation(bbox=[]),
    annotation(iscrowd=...),
    annotation(iscrowd="0"),
    annotation(image_id="1"),
    annotation(image_id=1.0, category_id="1"),
    annotation(id="one"),
]


@pytest.mark.parametrize("entry", SAME, ids=range(len(SAME)))
def test_the_same_object_in_other_words(folder, entry):
    expected = objects(written(folder))
    assert expected == ([[10, 10, 29, 29]], ["cell"], expected[2]) and 180 <= expected[2][0] <= 220
    assert objects(written(folder, annotations=[entry])) == expected


def test_ids_are_text_categories_count_from_0_and_names_repeat(folder):
    path = written(
        folder,
        images=[{"id": "a.png", "file_name": "a.png", "width": 0, "height": 0}, {"id": "7", "file_name": "b.png"}],
        categories=[{"id": 0, "name": "cell", "supercategory": "none"}, {"id": 1, "name": "cell"}],
        annotations=[annotation(image_id="a.png"), annotation(image_id=7, category_id=0)],
    )
    found = read_annotations(path)
    assert [(a.image.name, a.image_shape, a.class_names) for a in found] == [
        ("a.png", (40, 60), ["cell"]),
        ("b.png", (40, 60), ["cell"]),
    ]


@pytest.mark.parametrize("packed", [True, False])
def test_run_lengths_compressed_or_not_without_a_box(folder, packed):
    mask = pytest.importorskip("pycocotools.mask")
    pixels = np.zeros((40, 60), np.uint8)
    pixels[5:25, 7:9] = pixels[8:10, 20:40] = 1
    flat = pixels.ravel(order="F")
    counts = np.diff([0, *(np.flatnonzero(np.diff(flat)) + 1), flat.size]).tolist()
    if packed:
        counts = mask.encode(np.asfortranarray(pixels))["counts"].decode()
    entry = annotation(bbox=..., segmentation={"size": [40, 60], "counts": counts})
    assert objects(written(folder, annotations=[entry])) == ([[5, 7, 25, 40]], ["cell"], [80])


def test_via_names_its_images_by_text(folder):
    """As exported by VIA 2: `image_id` is text, outlines are flat, a rectangle has one as well."""
    path = written(
        folder,
        name="via_export_coco.json",
        info={"contributor": "", "version": "1.0"},
        licenses=[{"id": 1, "name": "Unknown"}],
        images=[{"id": 0, "width": 60, "height": 40, "file_name": "a.png", "license": 1, "date_captured": ""}],
        annotations=[
            {"segmentation": TRIANGLE, "area": 400, "bbox": [10, 10, 20, 20], "iscrowd": 0, "id": 0}
            | {"image_id": "0", "category_id": 1}
        ],
    )
    assert objects(path)[0] == [[10, 10, 29, 29]]
    keypoint = {"segmentation": [[]], "bbox": [], "keypoints": [3, 4, 2], "image_id": "0", "category_id": 1}
    entry = {"images": [{"id": 0, "file_name": "a.png"}], "annotations": [keypoint]}
    with pytest.raises(DataError, match="annotation number 1: is a point .* Draw it as a rectangle or polygon"):
        read_annotations(written(folder, **entry))


def test_roboflow_and_label_studio_are_found_where_they_lie(folder, capsys):
    written(folder, name="_annotations.coco.json")
    (folder / "README.roboflow.txt").write_text("cells - v1\n")
    assert main(["info", str(folder)]) == 0
    assert "cell (1)" in capsys.readouterr().out
    (folder / "images").mkdir()
    (folder / "a.png").rename(folder / "images" / "1a2b3c4d-a.png")
    path = written(folder, images=[{"id": 1, "file_name": "images\\1a2b3c4d-a.png", "width": 60, "height": 40}])
    assert objects(path)[0] == objects(written(folder, images=[{"id": 1, "file_name": "1a2b3c4d-a.png"}]))[0]


def test_an_image_that_is_listed_twice_is_refused_with_a_cure_that_keeps_all_objects(folder):
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "a.png"}]
    second = annotation(id=2, image_id=2, bbox=[0, 0, 5, 5], segmentation=[])
    with pytest.raises(DataError, match=r"already listed.*\. Keep one entry, and write its id .* of both \(1, 2\)"):
        read_annotations(written(folder, images=images, annotations=[annotation(), second]))
    cured = written(folder, images=images[:1], annotations=[annotation(), {**second, "image_id": 1}])
    assert len(read_annotations(cured)[0]) == 2


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"annotations": [annotation(iscrowd="maybe")]}, "annotation 1: has iscrowd = 'maybe'. It must be 0 or 1"),
        (
            {"annotations": [annotation(category_id=5)]},
            "is not among the categories of the file. Correct it, or complete",
        ),
        ({"annotations": [annotation(segmentation=[[1, 2, 3, 4]])]}, "Export it again, or draw its outline again"),
        ({"annotations": [annotation(segmentation="1 2 3 4")]}, "is neither polygons"),
        ({"categories": [{"id": 1, "name": ["cell"]}]}, "categories number 1: has the class"),
        ({"categories": [{"id": 1, "name": "\ud800"}]}, "categories number 1: has the class"),
        ({"images": [{"id": 1, "file_name": "a.png", "width": 1e400, "height": 40}]}, "has width = inf"),
        ({"annotations": [annotation(bbox=[1e308, 1e308, 1e308, 1e308])]}, "which no image has"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(folder, changes, message):
    with pytest.raises(DataError) as caught:
        read_annotations(written(folder, **changes))
    assert message in str(caught.value) and len(str(caught.value)) < 500
