import csv
import io
import json

import pytest

from mrcnn.errors import DataError
from mrcnn.formats import via_csv
from mrcnn.formats.open import find_format

HEADER = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
RECT = {"name": "rect", "x": 3, "y": 4, "width": 10, "height": 5}
POLYGON = {"name": "polygon", "all_points_x": [3, 13, 13, 3], "all_points_y": [4, 4, 9, 9]}
NOTES = """# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)
# Notes:
# - metadata of {""1"":""3""} indicates attribute with id "1" set to an attribute option with id "3"
# SHAPE_ID = {"POINT":1,"RECTANGLE":2,"CIRCLE":3,"ELLIPSE":4,"LINE":5,"POLYLINE":6,"POLYGON":7}
# ATTRIBUTE = {"1":{"aname":"class","type":4,"options":{"0":"cell","1":"dust"}},"2":{"aname":"note","options":{}}}
# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata
"""


def rows(*cells):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(cells)
    return text.getvalue()


def row(name, shape, attributes, count=1):
    return [name, 123, "{}", count, 0, json.dumps(shape), json.dumps(attributes)]


def row_3(*values, name="a.png", **metadata):
    return ["1_x", json.dumps([name]), 0, "[]", json.dumps(values), json.dumps(metadata or {"1": "0"})]


def written(folder, text):
    path = folder / "via_export_csv.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("header", [HEADER, f"#{HEADER}", f"\ufeff{HEADER}"])
def test_versions_1_and_2(tmp_path, pictures, header):
    body = rows(
        row("a.png", RECT, {"class": "cell", "difficult": "1"}),
        row("a.png", POLYGON, {"class": "dust"}),
        row("b c.png", {}, {}, 0),
    )
    path = written(tmp_path, f"{header}\n{body}")
    assert find_format(path) == ("via-csv", path)
    first, second = via_csv.read(path, pictures)
    assert first.boxes.tolist() == [[4, 3, 9, 13]] * 2 and first.class_names == ["cell", "dust"]
    assert first.difficult.tolist() == [True, False] and first.segment(1).mask((40, 60)).sum() == 50
    assert second.image == pictures / "b c.png" and len(second) == 0


def test_version_3(tmp_path, pictures):
    body = rows(
        row_3(2, 3, 4, 10, 5),
        row_3(7, 3, 4, 13, 4, 13, 9, 3, 9, **{"1": "1", "2": "free text"}),
        row_3(3, 20, 15, 5),
        row_3(4, 20, 15, 10, 5),
        row_3(**{"2": "a note on the image"}),
    )
    path = written(tmp_path, NOTES + body)
    assert find_format(path)[0] == "via-csv"
    (found,) = via_csv.read(path, pictures)
    assert found.boxes.tolist() == [[4, 3, 9, 13], [4, 3, 9, 13], [10, 15, 20, 25], [10, 10, 20, 30]]
    assert found.class_names == ["cell", "dust", "cell", "cell"]


@pytest.mark.parametrize(
    "text, message",
    [
        (f"{HEADER}\n" + rows(row("a.png", {**RECT, "x": "?"}, {"class": "c"})), "a.png, region 1: has x = '?'"),
        (f"{HEADER}\n" + rows(row("a.png", {"name": "polyline"}, {"class": "c"})), "is a polyline, but"),
        (f"{HEADER}\na.png,1,2\n", "line 2: has 3 columns, but the header has 7"),
        (f"{HEADER}\n" + rows(["a.png", 1, "{}", 1, 0, "{x", "{}"]), "line 2: has a cell that is not JSON: {x"),
        (f"{HEADER}\n" + rows(["a.png", 1, "{}", 1, 0, "[" * 99999, "{}"]), "line 2: has a cell that is not JSON"),
        ("filename,region_shape_attributes\na.png,{}\n", "has no column region_attributes"),
        (f'{HEADER}\n"a.png', "line 2: cannot be parsed"),
        (NOTES + rows(row_3(6, 1, 2, 3, 4)), "region 1: is a polyline"),
        (NOTES + rows(row_3(1, 1, 2)), "region 1: is a point"),
        (NOTES + rows(row_3(8, 1, 2)), "has the shape number 8"),
        (NOTES + rows(row_3(2, 1, 2)), r"has spatial_coordinates = \[2, 1, 2\], which is no rect"),
        (NOTES + rows(row_3(7, 1, 2, 3, 4)), "a polygon with fewer than 3 points"),
        (NOTES.replace("spatial_coordinates,", "") + rows(row_3()), "has no column spatial_coordinates"),
        (NOTES + rows(["1", '["a.png", "b.png"]', 0, "[]", "[]", "{}"]), "is for 2 files, but one image"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, pictures, text, message):
    with pytest.raises(DataError, match=message) as caught:
        via_csv.read(written(tmp_path, text), pictures)
    assert len(str(caught.value)) < 500


def test_rows_of_keras_frcnn_are_not_taken_for_it(tmp_path):
    assert find_format(written(tmp_path, "a.png,1,2,3,4,cell\n"))[0] == "keras-frcnn"
    assert find_format(written(tmp_path, "# made by hand\na.png,1,2,3,4,cell\n"))[0] == "keras-frcnn"
