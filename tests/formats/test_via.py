import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import via
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.formats.segments import CocoSegment, Polygons

RECT = {"name": "rect", "x": 3, "y": 4, "width": 10, "height": 5}
POLYGON = {"name": "polygon", "all_points_x": [3, 13, 13.2, 3], "all_points_y": [4, 4, 9, 9]}


def region(shape=RECT, **attributes):
    return {"shape_attributes": shape, "region_attributes": {"cell": "RBC", **attributes}}


def write(folder, *regions, version=2, project=False, name="a.png"):
    regions = list(regions) if version == 2 else {str(i): r for i, r in enumerate(regions)}
    content = {f"{name}123": {"filename": name, "size": 123, "regions": regions, "file_attributes": {}}}
    path = folder / "via.json"
    path.write_text(json.dumps({"_via_settings": {}, "_via_img_metadata": content} if project else content))
    return path


@given(st.data(), st.sampled_from([1, 2]))
def test_round_trip(annotations, assert_same, pictures, data, version):
    wanted = data.draw(annotations)
    with tempfile.TemporaryDirectory() as folder:
        via.write(Path(folder) / "via.json", wanted, pictures, version=version)
        found = via.read(Path(folder) / "via.json", pictures)
    assert_same(found, wanted)
    assert all(a.segments is None for a in found)


@pytest.mark.parametrize("version, project", [(1, False), (2, False), (2, True)])
def test_versions_and_shapes(tmp_path, pictures, version, project):
    circle, ellipse = (
        {"name": "circle", "cx": 20, "cy": 15, "r": 5},
        {"name": "ellipse", "cx": 20, "cy": 15, "rx": 10, "ry": 2, "theta": np.pi / 2},
    )
    path = write(
        tmp_path,
        region(),
        region(POLYGON, difficult="1"),
        region(circle),
        region(ellipse),
        version=version,
        project=project,
    )
    (found,) = via.read(path, pictures)
    assert found.boxes.tolist() == [[4, 3, 9, 13], [4, 3, 9, 13], [10, 15, 20, 25], [5, 18, 25, 22]]
    assert found.class_names == ["RBC"] * 4 and found.difficult.tolist() == [False, True, False, False]
    masks = [found.segment(i).mask((40, 60)) for i in (1, 2, 3)]
    assert masks[0].sum() == 50 and masks[0][4:9, 3:13].all()
    for mask, area in zip(masks[1:], (25 * np.pi, 20 * np.pi)):
        assert mask.sum() == pytest.approx(area, abs=6)


def test_polygons_are_written_and_pieces_as_their_box(tmp_path, pictures):
    polygon = np.array([[4.0, 3], [4, 13], [9, 13.25], [9, 3]])
    runs = CocoSegment({"size": [40, 60], "counts": "1"})
    annotation = ImageAnnotation(
        pictures / "a.png",
        (40, 60),
        [(4, 3, 9, 13)] * 3,
        ["x", "y", "z"],
        segments=[Polygons([polygon]), Polygons([polygon] * 2), runs],
    )
    via.write(tmp_path / "via.json", [annotation], pictures, attribute="kind")
    (found,) = via.read(tmp_path / "via.json", pictures)
    np.testing.assert_array_equal(found.segment(0).polygons[0], polygon)
    assert found.segment(1) is None and found.segment(2) is None
    assert found.boxes.tolist() == annotation.boxes.tolist() and found.class_names == ["x", "y", "z"]


@pytest.mark.parametrize(
    "attributes, options, name",
    [
        ({"cell": "RBC"}, {}, "RBC"),
        ({"cell": "x", "label": "RBC"}, {}, "RBC"),
        ({"cell": {"RBC": True, "y": False}}, {}, "RBC"),
        ({"cell": "RBC", "stage": "x"}, {"attribute": "cell"}, "RBC"),
        ({"cell": 3}, {}, "3"),
        ({}, {"unlabelled": "RBC"}, "RBC"),
        ({"cell": {"RBC": False}}, {"unlabelled": "balloon"}, "balloon"),
    ],
)
def test_where_the_class_is(tmp_path, attributes, options, name):
    path = write(tmp_path, {"shape_attributes": RECT, "region_attributes": attributes})
    assert via.read(path, **options)[0].class_names == [name]


@pytest.mark.parametrize(
    "regions, message",
    [
        ([region(), region({**RECT, "x": None})], "via.json, a.png, region 2: has x = None"),
        ([region({**RECT, "width": float("nan")})], "region 1: has width = nan"),
        ([region({**RECT, "width": -4})], "region 1: has a box without an area"),
        ([region({**RECT, "width": 400})], "region 1: has a box .* partly outside"),
        ([region({"name": "point", "cx": 3, "cy": 3})], "region 1: is a point, but an object needs an area"),
        ([region({**POLYGON, "all_points_x": [1, 2]})], "region 1: is a polygon with fewer than 3 points"),
        ([region({"name": "circle", "cx": 3, "cy": 3, "r": 0})], "region 1: is a circle or ellipse with the radius 0"),
        ([region(cell="")], "region 1: has no class"),
        ([region(cell={"a": 1, "b": 1})], "has several classes in 'cell'"),
        ([region(cell="WBC")], "region 1: has the class 'WBC', which is not in the list"),
        (
            [{"shape_attributes": RECT, "region_attributes": {"a": "x", "b": "y"}}],
            "has the region attributes a, b; any of",
        ),
        ([{"shape_attributes": RECT, "region_attributes": 5}], "has no shape, or its attributes are not an object"),
        ([{}], "region 1: has no shape"),
        (["x"], "has regions that are not a list of objects"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, pictures, regions, message):
    with pytest.raises(DataError, match=message):
        via.read(write(tmp_path, *regions), pictures, classes=["RBC"])


def test_names_outside_and_twice_are_refused(tmp_path):
    with pytest.raises(DataError, match="via.json, ../a.png: names the image"):
        via.read(write(tmp_path, region(), name="../a.png"))
    entry = {"filename": "a.png", "regions": []}
    (tmp_path / "via.json").write_text(json.dumps({"1": entry, "2": entry}))
    with pytest.raises(DataError, match="is for the image .*a.png, which is already listed"):
        via.read(tmp_path / "via.json")
    for content in ({}, [], {"a": 1}, {"a": {"regions": []}}):
        (tmp_path / "via.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match="is not a file of the VGG Image Annotator"):
            via.read(tmp_path / "via.json")


def test_the_version_to_write_is_one_or_two(tmp_path):
    with pytest.raises(ConfigError, match="version must be 1 or 2, not 3"):
        via.write(tmp_path / "via.json", [], version=3)
