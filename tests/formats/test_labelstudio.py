import json

import numpy as np
import pytest
from brush_bytes import encode
from PIL import Image

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import labelstudio
from mrcnn.formats.open import find_format

RECT = {"x": 10, "y": 20, "width": 50, "height": 25, "rotation": 0}


def region(kind="rectanglelabels", label="cell", region_id="r1", **value):
    value = value or RECT
    labels = {kind if kind.endswith("labels") else "labels": [label]} if label else {}
    return {
        "original_width": 60,
        "original_height": 40,
        "image_rotation": 0,
        "id": region_id,
        "type": kind,
        "from_name": "label",
        "to_name": "image",
        "value": {**value, **labels},
    }


def task(*results, image="/data/upload/1/1a2b3c4d-a.png", annotations=None, **more):
    made = [{"id": 5, "was_cancelled": False, "result": list(results)}] if annotations is None else annotations
    return {"id": 3, "data": {"image": image}, "annotations": made, "predictions": [], **more}


def written(folder, *tasks):
    path = folder / "project-1.json"
    path.write_text(json.dumps(list(tasks)))
    return path


def test_shapes(tmp_path, pictures):
    corners = [[10, 10], [50, 10], [50, 60], [10, 60]]
    path = written(
        tmp_path,
        task(
            region(),
            region("polygonlabels", "dust", "r2", points=corners, closed=True),
            region("ellipselabels", "dust", "r3", x=50, y=50, radiusX=20, radiusY=10, rotation=0),
            region("rectanglelabels", "cell", "r4", x=50, y=25, width=20, height=10, rotation=90),
            {"from_name": "quality", "to_name": "image", "type": "choices", "value": {"choices": ["good"]}},
            {"from_id": "r1", "to_id": "r2", "type": "relation", "direction": "right"},
        ),
    )
    assert find_format(path) == ("labelstudio", path)
    (found,) = labelstudio.read(path, pictures)
    assert found.image == pictures / "a.png" and found.image_shape == (40, 60)
    assert found.class_names == ["cell", "dust", "dust", "cell"]
    # percent of 60 x 40; the ellipse has radii of 12 and 4 pixels; turned about its first corner, clockwise
    assert found.boxes.tolist() == [[8, 6, 18, 36], [4, 6, 24, 30], [16, 18, 24, 42], [10, 26, 22, 30]]
    assert found.segment(0) is None
    assert found.segment(1).mask((40, 60)).sum() == 480 and found.segment(3).mask((40, 60)).sum() == 48
    assert found.segment(2).mask((40, 60)).sum() == pytest.approx(np.pi * 48, abs=6)


def test_brushes(tmp_path, pictures):
    alpha = np.zeros((40, 60), np.uint8)
    alpha[5:9, 10:30] = 255
    (found,) = labelstudio.read(
        written(tmp_path, task(region("brushlabels", format="rle", rle=encode(alpha)))), pictures
    )
    assert found.boxes.tolist() == [[5, 10, 9, 30]]
    np.testing.assert_array_equal(found.segment(0).mask((40, 60)), alpha > 0)
    empty = region("brushlabels", format="rle", rle=encode(np.zeros((40, 60), np.uint8)))
    with pytest.raises(DataError, match="task 3, region 1: has a mask without a pixel"):
        labelstudio.read(written(tmp_path, task(empty)), pictures)


def test_shape_and_label_in_two_results(tmp_path, pictures):
    shape = region("rectangle", None)
    label = {"id": "r1", "type": "labels", "value": {**RECT, "labels": ["cell"]}}
    (found,) = labelstudio.read(written(tmp_path, task(shape, label)), pictures)
    assert found.class_names == ["cell"] and found.boxes.tolist() == [[8, 6, 18, 36]]
    (found,) = labelstudio.read(written(tmp_path, task(shape)), pictures, unlabelled="thing")
    assert found.class_names == ["thing"]


def test_json_min(tmp_path, pictures):
    regions = [{**RECT, "rectanglelabels": ["cell"], "original_width": 60, "original_height": 40}]
    polygon = {"points": [[10, 10], [50, 10], [50, 60]], "polygonlabels": ["dust"]}
    regions.append({**polygon, "original_width": 60, "original_height": 40})
    path = written(tmp_path, {"image": "http://host:8080/media/a.png", "id": 1, "label": regions, "annotator": 1})
    assert find_format(path)[0] == "labelstudio"
    (found,) = labelstudio.read(path, pictures)
    assert found.boxes.tolist() == [[8, 6, 18, 36], [4, 6, 24, 30]] and found.class_names == ["cell", "dust"]


@pytest.mark.parametrize(
    "address",
    [
        "a.png",
        "/data/upload/1a2b3c4d-a.png",
        "/data/local-files/?d=some/folder/a.png",
        "https://host/data/a.png?token=5#x",
        "s3://bucket/sub/a.png",
        "https://host/%61.png",
        "C:\\Users\\anna\\a.png",
    ],
)
def test_addresses_of_images(tmp_path, pictures, address):
    (found,) = labelstudio.read(written(tmp_path, task(region(), image=address)), pictures)
    assert found.image == pictures / "a.png"


def test_uploaded_images_keep_their_name_if_they_have_it(tmp_path):
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / "images" / "1a2b3c4d-a.png")
    assert labelstudio.read(written(tmp_path, task(region())))[0].image == tmp_path / "images" / "1a2b3c4d-a.png"


def test_tasks_that_are_not_annotated(tmp_path, pictures):
    skipped = task(annotations=[{"id": 1, "was_cancelled": True, "result": [region()]}])
    for one in (task(annotations=[]), skipped):
        with pytest.raises(DataError, match=r"task 3: \(a.png\) is not annotated\. Export .* images_without_labels="):
            labelstudio.read(written(tmp_path, one), pictures)
        assert len(labelstudio.read(written(tmp_path, one), pictures, images_without_labels="background")[0]) == 0
    assert len(labelstudio.read(written(tmp_path, task()), pictures)[0]) == 0  # annotated: there is no object
    with pytest.raises(ConfigError, match="images_without_labels must be"):
        labelstudio.read(written(tmp_path, task()), pictures, images_without_labels="drop")


def test_several_annotations_of_one_image(tmp_path, pictures):
    first, second = {"id": 5, "result": [region()]}, {"id": 6, "result": []}
    with pytest.raises(
        DataError, match=r"has 2 annotations of the same image \(5, 6\)\. Mark one of them as ground truth"
    ):
        labelstudio.read(written(tmp_path, task(annotations=[first, second])), pictures)
    chosen = task(annotations=[{**first, "ground_truth": True}, second])
    assert len(labelstudio.read(written(tmp_path, chosen), pictures)[0]) == 1


@pytest.mark.parametrize(
    "results, message",
    [
        (
            [region("keypointlabels", x=1, y=2, width=0.3)],
            "task 3, region 1: is a keypoint, but an object needs an area",
        ),
        ([region(), region("vectorlabels", region_id="r2", vertices=[])], "region 2: is a vector"),
        ([region(label=None)], "region 1: has no class"),
        ([region("polygonlabels", points=[[1, 2], [3, 4]])], "an outline of 2 points"),
        ([region("polygonlabels", points=[[1, 2], [3, "x"], [4, 5]])], r"points\[1\] = 'x'"),
        ([region(x=None, y=1, width=1, height=1)], "has x = None"),
        ([region(x=1, y=1, width=-1, height=1)], "a box without an area"),
        ([region(x=1, y=1, width=1e308, height=1)], "which no image has|is partly outside"),
        ([region("ellipselabels", x=50, y=50, radiusX=0, radiusY=1)], "with the radius 0"),
        ([{**region(), "image_rotation": 90}], "was drawn on the image rotated by 90 degrees"),
        ([{**region(), "original_width": "wide"}], "has original_width = 'wide'"),
        ([region(), {**region(region_id="r2"), "original_width": 61}], "regions of images of different sizes"),
        ([{**region(), "value": {**RECT, "rectanglelabels": ["a", "b"]}}], r"has several labels \(a, b\)"),
        ([region("brushlabels", format="rle", rle=[1, 2])], "a brush mask that cannot be decoded"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, pictures, results, message):
    with pytest.raises(DataError, match=message):
        labelstudio.read(written(tmp_path, task(*results)), pictures)


def test_other_content(tmp_path, pictures):
    def refused(message, *tasks, **options):
        with pytest.raises(DataError, match=message):
            labelstudio.read(written(tmp_path, *tasks), pictures, **options)

    refused("is not a list of tasks", 5)
    refused("has an annotation whose result is no list", task(annotations=[{"id": 1, "result": 5}]))
    refused("names no image", {**task(), "data": {"text": "hello"}})
    two = {**task(region()), "data": {"first": "a.png", "second": "b c.png"}}
    refused(r"names several images \(first, second\). Specify the key", two)
    refused("has no text under the key third. Its keys are first, second", two, image_key="third")
    assert labelstudio.read(written(tmp_path, two), pictures, image_key="first")[0].image.name == "a.png"
    sizeless = {key: value for key, value in region().items() if not key.startswith("original")}
    refused("states no size of its image, and .*c.png does not exist", task(sizeless, image="c.png"))
    assert len(labelstudio.read(written(tmp_path, task(sizeless)), pictures)[0]) == 1
    for content in ([], [5], {}, [{"data": 1}]):
        assert not labelstudio.is_labelstudio(content)
