import shutil
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import voc
from mrcnn.formats.annotation import ImageAnnotation

OBJECT = """<object><name>{name}</name><truncated>1</truncated><difficult>{difficult}</difficult>
<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"""
SOUND = {"name": "RBC", "difficult": 0, "x1": 3, "y1": 2, "x2": 12, "y2": 9}


def write_xml(path, *objects, filename="a.jpg", size="<width>20</width><height>10</height><depth>3</depth>", head=""):
    path.write_text(
        f"{head}<annotation><filename>{filename}</filename><path>/somewhere/else.jpg</path><size>{size}"
        f"</size>{''.join(OBJECT.format(**{**SOUND, **o}) for o in objects)}</annotation>"
    )
    return path


@given(st.data())
def test_round_trip(annotations, assert_same, pictures, data):
    wanted = data.draw(annotations)
    with tempfile.TemporaryDirectory() as folder:
        voc.write(folder, wanted)
        found = voc.read(folder, pictures)
    assert_same(sorted(found, key=lambda a: a.image), sorted(wanted, key=lambda a: a.image))


def test_corners_count_from_one_and_the_upper_ones_are_inside(tmp_path):
    (found,) = voc.read(write_xml(tmp_path / "a.xml", {}, {"x1": 1, "y1": 1, "x2": 20, "y2": 10, "name": " WBC "}))
    assert found.boxes.tolist() == [[1, 2, 9, 12], [0, 0, 10, 20]]
    assert found.class_names == ["RBC", "WBC"] and found.truncated.all() and not found.difficult.any()
    assert found.image_shape == (10, 20) and found.image == tmp_path / "a.jpg"


def test_fractions_are_cut_off_and_zero_is_one(tmp_path):
    (found,) = voc.read(write_xml(tmp_path / "a.xml", {"x1": "0", "y1": "0.7", "x2": "12.9", "y2": "9.0"}))
    assert found.boxes.tolist() == [[0, 0, 9, 12]]


@pytest.mark.parametrize("place", ["", "Annotations"])
def test_images_beside_and_above_are_found(tmp_path, place):
    folder = tmp_path / place
    folder.mkdir(exist_ok=True)
    write_xml(folder / "a.xml", {}, size="<width>0</width><height>0</height>")
    images = tmp_path / "JPEGImages" if place else tmp_path
    images.mkdir(exist_ok=True)
    Image.fromarray(np.zeros((10, 20, 3), np.uint8)).save(images / "a.jpg")
    (found,) = voc.read(folder)
    assert found.image == images / "a.jpg" and found.image_shape == (10, 20)


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    "objects, options, message",
    [
        ([{"name": "&b;"}], {"head": BOMB}, "a.xml: declares a document type or entities"),
        ([{"name": "&secret;"}], {"head": EXTERNAL}, "a.xml: declares a document type or entities"),
        ([{}, {"x1": "nan"}], {}, "a.xml, object 2: has xmin = 'nan'"),
        ([{"y2": "inf"}], {}, "object 1: has ymax = 'inf'"),
        ([{"x1": "ten"}], {}, "object 1: has xmin = 'ten'"),
        ([{"x1": ""}], {}, "object 1: has no xmin"),
        ([{"x1": 12, "x2": 3}], {}, "object 1: has a box without an area: x from 11 to 3"),
        ([{"x2": 21}], {}, "object 1: has a box from x = 2 to 21, y = 1 to 9, which is partly outside the image"),
        ([{"x1": -3}], {}, "which is partly outside"),
        ([{"x1": 300, "x2": 400}], {"outside": "clip"}, "which is outside the image"),
        ([{"name": " "}], {}, "object 1: has no name"),
        (
            [{"name": "RBD"}],
            {"classes": ["RBC", "Platelets"]},
            "has the class 'RBD', which is not in the list (RBC, Pl",
        ),
        ([{"name": "Platelet"}], {"classes": ["RBC", "Platelets"]}, "Platelets). Did you mean 'Platelets'?"),
        ([{"difficult": "maybe"}], {}, "object 1: has difficult = 'maybe'"),
        ([{}], {"filename": "../a.jpg"}, "a.xml: names the image ../a.jpg, which is outside the data folder"),
        ([{}], {"filename": "/etc/passwd"}, "which is outside the data folder"),
        ([{}], {"filename": "C:\\data\\a.jpg"}, "which is outside the data folder"),
        ([{}], {"filename": ""}, "a.xml: has no filename"),
        ([{}], {"size": "<width>-1</width><height>3</height>"}, "states an image size of -1 x 3"),
        ([{}], {"size": "<width>wide</width><height>3</height>"}, "has width = 'wide'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, objects, options, message):
    reading = {name: options[name] for name in options if name in ("classes", "outside")}
    write_xml(tmp_path / "a.xml", *objects, **{n: v for n, v in options.items() if n not in reading})
    with pytest.raises(DataError) as caught:
        voc.read(tmp_path, **reading)
    assert message in str(caught.value)


def test_a_box_partly_outside_is_cut_off_on_request(tmp_path):
    (found,) = voc.read(write_xml(tmp_path / "a.xml", {"x1": -5, "x2": 50}), outside="clip")
    assert found.boxes.tolist() == [[1, 0, 9, 20]]
    with pytest.raises(ConfigError, match="outside must be"):
        voc.read(tmp_path, outside="ignore")


def test_files_in_upper_case_are_read_too(tmp_path):
    write_xml(tmp_path / "a.XML", {})
    write_xml(tmp_path / "b.xml", {}, filename="b.jpg")
    assert [a.image.name for a in voc.read(tmp_path)] == ["a.jpg", "b.jpg"]


def test_an_image_listed_twice_is_refused(tmp_path):
    write_xml(tmp_path / "a.xml", {})
    shutil.copy(tmp_path / "a.xml", tmp_path / "b.xml")
    with pytest.raises(DataError, match=r"b\.xml: is for the image .*a\.jpg, which is already listed in .*a\.xml"):
        voc.read(tmp_path)


@pytest.mark.parametrize(
    "content, message",
    [
        ("<annotation><filename>a", "is not valid XML"),
        ("<svg/>", "is a different kind of XML: its root element is"),
        ("", "is not valid XML"),
        (
            "<annotation><object><name>x</name></object><filename>a.png</filename></annotation>",
            "object 1: has no bndbox",
        ),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "cannot be read"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / "a.xml").write_text(content)
    with pytest.raises(DataError, match=message):
        voc.read(tmp_path / "a.xml")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(DataError, match="nothing.xml: cannot be read"):
        voc.read(tmp_path / "nothing.xml")
    with pytest.raises(DataError, match="holds no XML file"):
        voc.read(tmp_path)


def test_writing_what_cannot_be_read_again_is_refused(tmp_path):
    first, second = (ImageAnnotation(tmp_path / name, (5, 5)) for name in ("a.png", "a.tif"))
    with pytest.raises(DataError, match="would belong to both"):
        voc.write(tmp_path, [first, second])
    with pytest.raises(DataError, match="needs the size of"):
        voc.write(tmp_path, [ImageAnnotation(tmp_path / "a.png")])
    with pytest.raises(DataError, match="has control characters"):
        voc.write(tmp_path, [ImageAnnotation(tmp_path / "a.png", (5, 5), [(0, 0, 2, 2)], ["a\x00b"])])
    assert list(tmp_path.iterdir()) == []


def test_real_blood_cells(real_data, tmp_path, assert_same):
    found = voc.read(real_data / "bccd" / "Annotations")
    assert len(found) == 200 and sum(map(len, found)) == 2669
    assert {a.image.parent.name for a in found} == {"JPEGImages"} and all(a.image.is_file() for a in found)
    assert found[0].boxes[0].tolist() == [176, 259, 376, 491] and found[0].class_names[0] == "WBC"
    voc.write(tmp_path, found[:20])
    assert_same(voc.read(tmp_path, real_data / "bccd" / "JPEGImages"), found[:20])


def test_numbers_and_flags_are_checked(tmp_path):
    write_xml(tmp_path / "a.xml", {"x1": "9" * 5000})
    with pytest.raises(DataError, match="object 1: has xmin = '999.*, but a number is expected") as caught:
        voc.read(tmp_path)
    assert len(str(caught.value)) < 300
    for size in ("<width>1e400</width><height>3</height>", "<width>3.5</width><height>3</height>"):
        write_xml(tmp_path / "a.xml", {}, size=size)
        with pytest.raises(DataError, match="has width = .*expected. Correct its size, or delete the element"):
            voc.read(tmp_path)
