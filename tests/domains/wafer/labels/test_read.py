"""Labels of wafers from valid and invalid corner files and labelme JSON, and round trips with `write_labelme`."""

import json

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.domains.wafer.labels.read import read_corners, read_labelme, read_labels
from mrcnn.domains.wafer.labels.write import write_labelme
from mrcnn.errors import ConfigError, DataError

SQUARE = [[0, 0], [30, 0], [30, 30], [0, 30]]  # x, y, as in files


def square(dx=0, dy=0):
    return [[x + dx, y + dy] for x, y in SQUARE]


def shape(label, points=None, **keys):
    return {"label": label, "points": square() if points is None else points, **keys}


@pytest.fixture
def labelme(tmp_path):
    def write(shapes, **keys):
        path = tmp_path / "labels.json"
        path.write_text(json.dumps({"imagePath": "wafer.tif", "shapes": shapes, "imageData": None, **keys}))
        return path

    return write


@pytest.fixture
def corners(tmp_path):
    def write(tissue, magnet, names=("source_sections_tissue.txt", "source_sections_mag.txt")):
        paths = [tmp_path / name for name in names]
        for path, text in zip(paths, (tissue, magnet)):
            path.write_bytes(text.encode())
        return paths

    return write


# --- Corner files ---
def test_corners_are_divided_by_the_scale_and_are_rows_and_columns(corners):
    labels = read_corners(
        *corners(
            "6,9\t60,9\t60,90\t6,90\t\r\n3,3\t9,3\t9,9\t3,9\t\r\n",
            "90,9\t99,9\t99,90\t90,90\n12,3\t18,3\t18,9\t12,9\n\n",
        )
    )
    assert [s.number for s in labels.sections] == [1, 2]
    assert labels.sections[0].tissue.tolist() == [[3, 2], [3, 20], [30, 20], [30, 2]]
    assert labels.sections[1].magnet.tolist() == [[1, 4], [1, 6], [3, 6], [3, 4]]


@pytest.mark.parametrize(
    ("tissue", "magnet", "problem"),
    [
        ("0,0\t9,0\t9,9\n0,0\t9,0\t9,9\n", "0,0\t9,0\t9,9\n", "1 lines, but .*tissue.txt has 2"),
        ("0,0\t9,0\n", "0,0\t9,0\t9,9\n", "line 1: has 2 points"),
        ("0,0\t9,0\t9,9\n0,0\tnan,0\t9,9\n", "0,0\t9,0\t9,9\n" * 2, "line 2: has 1 coordinates that are NaN"),
        ("0,0\t9,0\t9,9\n", "0,0\t9,zero\t9,9\n", "mag.txt, line 1: is not a list of corners"),
        ("0,0\t9,0\t9,9\n", "0,0\t9,0,1\t9,9\n", "mag.txt, line 1"),
        ("0,0\t9,0\t9,9\n\n0,0\t9,0\t9,9\n", "0,0\t9,0\t9,9\n" * 3, "line 2: has 0 points"),
        ("", "0,0\t9,0\t9,9\n", "tissue.txt: contains no section"),
    ],
)
def test_bad_corner_files_are_named(corners, tissue, magnet, problem):
    with pytest.raises(DataError, match=problem):
        read_corners(*corners(tissue, magnet))


def test_corners_without_the_scale_lie_outside_the_image(corners):
    paths = corners("600,900\t660,900\t660,990\t600,990\n", "690,900\t699,900\t699,990\t690,990\n")
    assert len(read_corners(*paths, image_shape=(400, 400))) == 1
    with pytest.raises(DataError, match="2 of 2 outlines lie outside the image of 400 x 400.*scale"):
        read_corners(*paths, scale=1, image_shape=(400, 400))


@pytest.mark.parametrize("scale", [0, -3, float("nan"), "3"])
def test_an_invalid_scale_is_rejected(corners, scale):
    with pytest.raises(ConfigError, match="scale"):
        read_corners(*corners("0,0\t9,0\t9,9\n", "0,0\t9,0\t9,9\n"), scale=scale)


def test_a_corner_file_that_is_missing_or_not_text(tmp_path, corners):
    tissue, magnet = corners("0,0\t9,0\t9,9\n", "0,0\t9,0\t9,9\n")
    magnet.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read as text"):
        read_corners(tissue, magnet)
    with pytest.raises(DataError, match="cannot be read as text"):
        read_corners(tissue, tmp_path / "none.txt")


# --- Labelme, by label ---
def test_labels_name_the_parts_in_any_order(labelme):
    labels = read_labelme(
        labelme(
            [
                shape("magnet-2", square(5)),
                shape("tissue-7"),
                shape("Mag_7"),
                shape("dummy-7"),
                shape("tissue", square(9), group_id=2),
                shape("background"),
                shape("envelope-2"),
            ],
            imageHeight=50,
            imageWidth=60,
        )
    )
    assert [s.number for s in labels.sections] == [2, 7] and labels.image_shape == (50, 60)
    assert labels.sections[0].tissue[0].tolist() == [0, 9] and labels.sections[0].magnet[0].tolist() == [0, 5]
    assert labels.sections[0].envelope is not None and labels.sections[1].envelope is None
    assert labels.background.dtype == np.float64


def test_old_and_new_files_give_the_same_labels(labelme):
    old = read_labelme(labelme([shape("tissue-1", line_color=None, fill_color=None)], lineColor=[0, 255, 0, 128]))
    new = read_labelme(
        labelme(
            [
                shape(
                    "tissue-1", [[x + 0.5, y + 0.25] for x, y in SQUARE], shape_type="polygon", group_id=None, flags={}
                )
            ],
            version="5.4.1",
            flags={},
        )
    )
    assert np.array_equal(new.sections[0].tissue, old.sections[0].tissue + [0.25, 0.5])


def test_a_rectangle_becomes_its_four_corners(labelme):
    labels = read_labelme(labelme([shape("tissue-1", [[2, 3], [20, 13]], shape_type="rectangle")]))
    assert labels.sections[0].tissue.tolist() == [[3, 2], [3, 20], [13, 20], [13, 2]]


@pytest.mark.parametrize(
    ("shapes", "problem"),
    [
        ([shape("tissue-1", [[0, 0], [9, 9]])], r"shape 1 \(tissue-1\): has 2 points"),
        (
            [shape("tissue-1"), shape("magnet-1", [[0, 0], [9, 0], [float("nan"), 9]])],
            r"\(magnet-1\): has 1 coord.*NaN",
        ),
        ([shape("tissue-1", [[0, 0], [9, 0], [None, 9]])], "NaN"),
        ([shape("tissue-1", [[0, 0], [5, 5], [9, 9]])], "has no area"),
        ([shape("tissue-1", "points")], "0 points"),
        ([shape("tissue-1", [[2, 3], [20]], shape_type="rectangle")], r"\(tissue-1\)"),
        ([shape("tissue-1", shape_type="circle")], "is a circle"),
        ([shape("tissue-1"), shape("tissue-1")], "shape 2 is a second tissue of section 1"),
        ([shape("tissue-1"), shape("tisue-2")], "shape 2 has the label 'tisue-2'"),
        ([shape("tissue-1"), shape("tissue")], "shape 2 has the label 'tissue'"),
        ([shape("tissue-1"), shape("background"), shape("background")], "second background"),
        ([shape("tissue-1"), shape("tissue-" + "9" * 500)], "shape 2 has the label 'tissue-999"),
        ([shape("tissue-1"), shape("tissue", group_id=10**30)], "shape 2 has the label 'tissue'"),
        ([shape("tissue-\ud800")], "shape 1: has the class"),
        ([shape("tissue-1", [[0, 0], [9, 0], [9, 10**400]])], "not pairs of numbers"),
        ([shape("tissue-1", [[0, 0], [9, 0], [9, 1e10]])], "a corner at 1e.10, which no image has"),
        ([], "holds no outline"),
        ("none", "no list of shapes"),
        (["none"], "no list of shapes"),
    ],
)
def test_bad_labelme_files_are_named(labelme, shapes, problem):
    with pytest.raises(DataError, match=problem):
        read_labelme(labelme(shapes))


@pytest.mark.parametrize("text", ["{", "", "[1, 2]", '{"shapes": [', "\0", "[" * 100_000])
def test_json_that_cannot_be_read_is_named(tmp_path, text):
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(DataError, match="labels.json: (cannot be read as JSON|is not a labelme file)"):
        read_labelme(path)
    with pytest.raises(DataError, match="none.json: cannot be read"):
        read_labelme(tmp_path / "none.json")


def test_labels_outside_the_image_are_named(labelme):
    shapes = [shape("tissue-1"), shape("magnet-1", square(25, 25)), shape("magnet-2", square(500, 500))]
    with pytest.raises(DataError, match="1 of 3 outlines lie outside the image of 40 x 50.*magnet of section 2"):
        read_labelme(labelme(shapes), image_shape=(40, 50))
    assert len(read_labelme(labelme(shapes[:2]), image_shape=(40, 50)).instances()) == 2


def test_one_corner_typed_wrongly_is_named(labelme):
    shapes = [shape("tissue-1"), shape("magnet-1", [[5, 5], [9, 5], [9, 14_000]])]
    with pytest.raises(
        DataError, match="labels.json: the magnet of section 1 extends far outside the image of 40 x 50"
    ):
        read_labelme(labelme(shapes), image_shape=(40, 50))
    assert len(read_labelme(labelme([shape("tissue-1", square(-25, 20))]), image_shape=(40, 50))) == 1  # cut off


def test_labels_of_a_different_image_are_rejected(labelme):
    with pytest.raises(DataError, match="drawn on an image of 90 x 80"):
        read_labelme(labelme([shape("tissue-1")], imageHeight=90, imageWidth=80), image_shape=(45, 40))


def test_the_size_comes_from_the_image_if_nothing_else_states_it(labelme, tmp_path):
    tifffile.imwrite(tmp_path / "wafer.tif", np.zeros((70, 44), np.uint8))
    labels = read_labelme(labelme([shape("tissue-1")]))
    assert labels.image_shape == (70, 44) and labels.image_path == tmp_path / "wafer.tif"
    assert read_labelme(labelme([shape("tissue-1")], imagePath="..\\scans\\wafer.tif")).image_path.name == "wafer.tif"


# --- Labelme, by position ---
@pytest.mark.parametrize(
    "names",
    [["1"] * 7, ["tissue"] * 7, [None] * 7, ["tissue", "mag", "envelope", "tissue", "mag", "envelope", "background"]],
)
def test_triplets_and_a_background_are_identified_by_position(labelme, names):
    labels = read_labelme(labelme([shape(name, square(10 * i)) for i, name in enumerate(names)]))
    assert [s.number for s in labels.sections] == [1, 2]
    second = labels.sections[1]
    assert [p[0, 1] for p in (second.tissue, second.magnet, second.envelope)] == [30, 40, 50]
    assert labels.background[0, 1] == 60


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 8])
def test_an_incomplete_triplet_is_an_error(labelme, count):
    with pytest.raises(
        DataError, match=f"contains {count} outlines without section numbers, which do not form triplets"
    ):
        read_labelme(labelme([shape("a")] * count))


def test_names_that_contradict_the_positions_are_an_error(labelme):
    names = ["tissue", "envelope", "mag", "background"]
    with pytest.raises(DataError, match="shape 2 has the label 'envelope', but by position it should be a magnet"):
        read_labelme(labelme([shape(name) for name in names]))


# --- Any format ---
def test_read_labels_detects_the_format(labelme, corners, tmp_path):
    tissue, magnet = corners("6,9\t60,9\t60,90\t6,90\n", "90,9\t99,9\t99,90\t90,90\n")
    for path in (tissue, magnet, tmp_path):
        assert read_labels(path).sections[0].tissue.max() == 30
    assert read_labels(tissue, scale=1).sections[0].tissue.max() == 90
    path = labelme([shape("tissue-4")])
    assert read_labels(path).sections[0].number == read_labels(tmp_path).sections[0].number == 4
    assert read_labels(path, scale=3, image_shape=(11, 11)).sections[0].tissue.max() == 10
    with pytest.raises(DataError, match="outside"):
        read_labels(labelme([shape("tissue-4", square(60))]), scale=3, image_shape=(11, 11))


def test_already_divided_corner_files_are_not_divided_again(corners):
    names = ("source_sections_tissue_scale3.txt", "source_sections_mag_scale3.txt")
    paths = corners("6,9\t60,9\t60,90\t6,90\n", "90,9\t99,9\t99,90\t90,90\n", names)
    assert all(read_labels(path).sections[0].tissue.max() == 90 for path in paths)


def test_read_labels_names_what_is_missing(tmp_path, corners):
    with pytest.raises(DataError, match="contains no labels"):
        read_labels(tmp_path)
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(DataError, match="2 JSON files"):
        read_labels(tmp_path)
    with pytest.raises(DataError, match="counterpart"):
        read_labels(tmp_path / "corners.txt")
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("a_tissue.txt", "b_tissue.txt"):
        (folder / name).write_text("0,0\t9,0\t9,9\n")
    with pytest.raises(DataError, match="2 corner files"):
        read_labels(folder)


# --- Round trips ---
# In pixels, to 1e-9: among coordinates of 1e-308, older GEOS finds no area in a valid outline.
coordinates = st.floats(0, 5000, allow_nan=False).map(lambda value: round(value, 9))
outlines = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6, unique=True)


@given(st.lists(st.tuples(outlines, outlines), min_size=1, max_size=3), st.booleans())
def test_written_labels_are_read_back(tmp_path_factory, parts, with_background):
    folder = tmp_path_factory.mktemp("labels")
    far = np.array([[0.0, 0.0], [0.1, 7000.0], [7000.0, 0.3]])  # gives every outline an area
    sections = [Section(3 * i + 1, np.vstack([far, t]), np.vstack([far, m])) for i, (t, m) in enumerate(parts)]
    labels = WaferLabels(sections, far if with_background else None, (8000, 7500), folder / "images" / "wafer.tif")
    write_labelme(folder / "labels.json", labels)
    back = read_labelme(folder / "labels.json")
    assert back.image_shape == labels.image_shape and back.image_path == labels.image_path
    assert (back.background is None) == (not with_background)
    for one, other in zip(back.sections, labels.sections, strict=True):
        assert one.number == other.number and one.envelope is None
        assert np.array_equal(one.tissue, other.tissue) and np.array_equal(one.magnet, other.magnet)


def test_writing_labels_needs_an_image(tmp_path):
    labels = WaferLabels([Section(1, np.array(SQUARE, float))])
    with pytest.raises(DataError, match="image_path"):
        write_labelme(tmp_path / "labels.json", labels)
    write_labelme(tmp_path / "new" / "labels.json", labels, tmp_path / "wafer.tif")
    content = json.loads((tmp_path / "new" / "labels.json").read_text())
    assert content["imagePath"] == "../wafer.tif" and content["imageHeight"] is None
    assert content["shapes"][0]["label"] == "tissue-1" and content["shapes"][0]["shape_type"] == "polygon"
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_labelme(tmp_path / "file" / "labels.json", labels, "wafer.tif")


def test_a_partly_written_file_is_ignored(tmp_path):
    labels = WaferLabels([Section(1, np.array(SQUARE, float))])
    write_labelme(tmp_path / "wafer.json", labels, tmp_path / "wafer.tif")
    (tmp_path / ".writing-0123456789abcdef.json").write_text("{half")
    assert read_labels(tmp_path).sections[0].number == 1


# --- A real wafer ---
def test_real_labels_agree_in_both_formats(real_data):
    folder = real_data / "wafer_labels" / "silicon_wafer_1"
    corners = read_corners(
        folder / "source_sections_tissue.txt", folder / "source_sections_mag.txt", image_shape=(5616, 6136)
    )
    # In the JSON file of this wafer, tissue and magnet are swapped compared with the text files.
    labels = read_labels(folder, image_shape=(5616, 6136)).swapped()
    assert [s.number for s in labels.sections] == [s.number for s in corners.sections] == list(range(1, 515))
    for one, other in zip(labels.sections, corners.sections):
        for part in ("tissue", "magnet"):
            # Coordinates in the JSON file were rounded down to whole pixels.
            assert np.array_equal(getattr(one, part), np.floor(getattr(other, part) + 1e-9)), (one.number, part)
    assert len(corners.instances((2000, 2000, 2512, 2512))) > 4
