import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.formats import cvat

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version><meta><task></task></meta>'


def written(folder, *shapes, name="a.png", size='width="60" height="40"'):
    path = folder / "annotations.xml"
    path.write_text(
        f'{HEAD}<image id="0" name="{name}" {size}>{"".join(shapes)}</image></annotations>', encoding="utf-8"
    )
    return path


def box(more="", corners="3.00 4.00 13.00 9.00"):
    x1, y1, x2, y2 = corners.split()
    return f'<box label="cell" source="manual" occluded="0" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}" {more}></box>'


def polygon(points, more=""):
    return f'<polygon label="cell" source="manual" occluded="0" points="{points}" z_order="0" {more}/>'


def test_shapes(tmp_path, pictures):
    path = written(
        tmp_path,
        box(),
        box('rotation="90.00"', "10.00 10.00 20.00 14.00"),
        polygon("3.00,4.00;13.00,4.00;13.00,9.00;3.00,9.00"),
        '<ellipse label="dust" cx="20" cy="15" rx="10" ry="4" rotation="90"><attribute>x</attribute></ellipse>',
        '<mask label="cell" rle="1, 2, 3, 3" left="5" top="6" width="3" height="3" z_order="0"></mask>',
        '<tag label="a good image"/>',
    )
    (found,) = cvat.read(path, pictures)
    assert found.image == pictures / "a.png" and found.image_shape == (40, 60)
    assert found.class_names == ["cell"] * 3 + ["dust", "cell"] and found.segment(0) is None
    assert found.boxes.tolist()[:3] == [[4, 3, 9, 13], [7, 13, 17, 17], [4, 3, 9, 13]]
    assert found.boxes[3].tolist() == [5, 16, 25, 24]
    masks = [found.segment(i).mask((40, 60)) for i in (1, 2, 3, 4)]
    assert masks[0].sum() == 40 and masks[0][7:17, 13:17].all()
    assert masks[1].sum() == 50 and masks[2].sum() == pytest.approx(np.pi * 40, abs=5)
    # the runs go along the rows: .XX / ... / XXX
    assert np.argwhere(masks[3]).tolist() == [[6, 6], [6, 7], [8, 5], [8, 6], [8, 7]]
    assert found.boxes[4].tolist() == [6, 5, 9, 8]


def test_pieces_of_one_group_are_one_object(tmp_path, pictures):
    first, second = "1,1;5,1;5,5;1,5", "11,1;15,1;15,5;11,5"
    path = written(
        tmp_path, polygon(first, 'group_id="2"'), polygon(second, 'group_id="2"'), polygon(second, 'group_id="0"')
    )
    (found,) = cvat.read(path, pictures)
    assert sorted(found.boxes.tolist()) == [[1, 1, 5, 15], [1, 11, 5, 15]]
    pieces = found.segment(found.boxes.tolist().index([1, 1, 5, 15])).mask((40, 60))
    assert pieces.sum() == 32


@pytest.mark.parametrize(
    "shape, message",
    [
        ('<points label="cell" points="1,2;3,4"/>', "a.png, object 1: is a points, but an object needs an area. Draw"),
        ('<polyline label="cell" points="1,2;3,4"/>', "is a polyline, but an object needs an area"),
        ('<skeleton label="cell"/>', "is a skeleton"),
        ('<cuboid label="cell"/>', "is a cuboid"),
        ('<sphere label="cell"/>', "is a sphere, which is not known"),
        (polygon("1,2;3,4"), "an outline of 2 points"),
        (polygon("1,2;3;4,5"), r"points\[1\] = \['3'\], but x and y"),
        (polygon("1,2;3,x;4,5"), r"has points\[1\] = 'x'"),
        (polygon("1,2;3,1e300;4,5"), "a corner at 1e.300, which no image has"),
        (polygon("1,2;3,4;5,4e4"), "a box .* partly outside the image of 60 x 40"),
        (box().replace("cell", " "), "object 1: has no class"),
        (box().replace("4.00", "inf"), "has ytl = 'inf'"),
        (box("rotation='x'"), "has rotation = 'x'"),
        ('<ellipse label="cell" cx="9" cy="9" rx="0" ry="2"/>', "an? circle or ellipse with the radius 0"),
        (
            '<mask label="cell" rle="1, 2" left="5" top="6" width="3" height="3"/>',
            "run lengths of 3 pixels for a mask of 3 x 3",
        ),
        ('<mask label="cell" rle="1, -2, 10" left="5" top="6" width="3" height="3"/>', "has the run length '-2'"),
        ('<mask label="cell" rle="9" left="5" top="6" width="3" height="3"/>', "has a mask without a pixel"),
        ('<mask label="cell" rle="0, 9" left="58" top="6" width="3" height="3"/>', "a mask of 3 x 3 pixels at x = 58"),
        ('<mask label="cell" rle="0, 9" left="0" top="6" width="99999999" height="3"/>', "partly outside the image"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, pictures, shape, message):
    with pytest.raises(DataError, match=message):
        cvat.read(written(tmp_path, shape), pictures)


def test_other_files_are_refused(tmp_path, pictures):
    with pytest.raises(DataError, match="annotations.xml, a.png: has height = None"):
        cvat.read(written(tmp_path, size=""), pictures)
    with pytest.raises(DataError, match="names the image ../c.png, which is outside"):
        cvat.read(written(tmp_path, name="../c.png"), pictures)
    for text, message in (
        (f"{HEAD}</annotations>", "names no image"),
        (f'{HEAD}<track id="0" label="cell"/></annotations>', "is for a video: .* 'CVAT for images 1.1'"),
        ("<annotation/>", "its root element is 'annotation', not 'annotations'"),
        ("<annotations>", "is not valid XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><annotations>&a;</annotations>', "declares a document type or entities"),
    ):
        (tmp_path / "annotations.xml").write_text(text)
        with pytest.raises(DataError, match=message):
            cvat.read(tmp_path / "annotations.xml", pictures)


def test_images_without_objects_and_images_beside_the_file(tmp_path):
    (tmp_path / "images" / "sub").mkdir(parents=True)
    (tmp_path / "images" / "sub" / "a.png").touch()
    (found,) = cvat.read(written(tmp_path, name="sub/a.png"))
    assert len(found) == 0 and found.image == tmp_path / "images" / "sub" / "a.png"
