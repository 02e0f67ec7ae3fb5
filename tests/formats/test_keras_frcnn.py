import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.formats import keras_frcnn
from mrcnn.formats.annotation import ImageAnnotation


def write(folder, *lines):
    path = folder / "annot.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@given(st.data(), st.booleans())
def test_round_trip(annotations, assert_same, pictures, data, header):
    wanted = data.draw(annotations)
    with tempfile.TemporaryDirectory() as folder:
        keras_frcnn.write(Path(folder) / "annot.txt", wanted, pictures, header)
        found = keras_frcnn.read(Path(folder) / "annot.txt", pictures)
    assert_same(found, wanted, flags=False)


@pytest.mark.parametrize(
    "lines",
    [
        ["a.png,1,2,11,12,Nucleoli", "b.png,0,0,5,5,Not Nucleoli", "a.png,3.9,3,9,9.2,Nucleoli"],
        [
            '"a.png","1","2","11","12","Nucleoli"',
            '"b.png",0,0,5,5,"Not Nucleoli"',
            './a.png, 3.9, 3, 9, 9.2, "Nucleoli"',
        ],
        [
            "filepath,x1,y1,x2,y2,class_name",
            "a.png,1,2,11,12,Nucleoli",
            "",
            "b.png,0,0,5,5,Not Nucleoli",
            "x/../a.png,3.9,3,9,9.2,Nucleoli",
        ],
        [
            "Class,xmin,xmax,ymin,ymax,remark,Filename",
            "Nucleoli,1,11,2,12,,a.png",
            "Not Nucleoli,0,5,0,5,?,b.png",
            "Nucleoli,3.9,9,3,9.2,,a.png",
        ],
    ],
)
def test_quotes_header_and_order_of_columns(tmp_path, lines):
    first, second = keras_frcnn.read(write(tmp_path, *lines))
    assert first.image == tmp_path / "a.png" and second.image == tmp_path / "b.png"
    assert first.boxes.tolist() == [[2, 1, 12, 11], [3, 3, 9, 9]] and first.class_names == ["Nucleoli"] * 2
    assert second.boxes.tolist() == [[0, 0, 5, 5]] and second.class_names == ["Not Nucleoli"]
    assert first.image_shape is None and "line" in first.where


def test_absolute_paths_are_read_when_they_lie_in_the_folder(tmp_path, pictures):
    path = write(tmp_path, f"{pictures / 'a.png'},1,2,11,12,c")
    with pytest.raises(DataError, match="line 1: names the image .*a.png, which is outside the data folder"):
        keras_frcnn.read(path)
    assert keras_frcnn.read(path, pictures)[0].image_shape == (40, 60)


@pytest.mark.parametrize(
    "line, message",
    [
        ("a.png,1,2,3,c", "annot.txt, line 2: has 5 columns, but 6 are expected (path,x1,y1,x2,y2,class)"),
        ("a.png,1,2,3,4,c,d", "line 2: has 7 columns"),
        ("a.png,1,nan,3,4,c", "line 2: has y1 = 'nan'"),
        ("a.png,1,,3,4,c", "line 2: has y1 = ''"),
        ("a.png,5,2,3,4,c", "line 2: has a box without an area: x from 5 to 3, y from 2 to 4"),
        (
            "a.png,50,2,70,4,c",
            "line 2: has a box from x = 50 to 70, y = 2 to 4, which is partly outside the image",
        ),
        ("a.png,1,2,3,1e99,c", "which is partly outside"),
        ("a.png,1,2,3,4,", "line 2: has no class"),
        ("a.png,1,2,3,4,cc", "line 2: has the class 'cc', which is not in the list (c)"),
        ("../c.png,1,2,3,4,c", "line 2: names the image ../c.png, which is outside the data folder"),
        ("..\\c.png,1,2,3,4,c", "which is outside the data folder"),
        (",1,2,3,4,c", "line 2: names no image"),
        ('"a.png,1,2,3,4,c', "line 2: cannot be parsed"),
        ("b c.png,,,,,", "line 2: lists the image b c.png again"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, pictures, line, message):
    path = write(tmp_path, "b c.png,1,2,3,4,c", line)
    with pytest.raises(DataError) as caught:
        keras_frcnn.read(path, pictures, classes=["c"])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "lines, message",
    [
        (["path,x1,y1,x2,class", "a.png,1,2,3,c"], "line 1: is a header without the column y2"),
        (["path,x1,y1,x2,y2,class,label", "a.png,1,2,3,4,c,c"], "line 1: is a header that names a column twice"),
        (["", ""], "annot.txt: holds no row"),
        (["Id,Target", "x,1 2"], "line 1: has 2 columns"),
        (["a.png,,,,,", "a.png,1,2,3,4,c"], "line 2: lists the image a.png again"),
    ],
)
def test_other_files_are_refused(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        keras_frcnn.read(write(tmp_path, *lines))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "annot.txt").write_bytes(b"\xff\xfe\x00a")
    for name in ("annot.txt", "nothing.txt"):
        with pytest.raises(DataError, match=f"{name}: cannot be read"):
            keras_frcnn.read(tmp_path / name)


def test_an_image_elsewhere_is_not_written(tmp_path, pictures):
    with pytest.raises(DataError, match="would name the image .*a.png, which is outside"):
        keras_frcnn.write(tmp_path / "annot.txt", [ImageAnnotation(pictures / "a.png", (40, 60))])
    assert list(tmp_path.iterdir()) == []
