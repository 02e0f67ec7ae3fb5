import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mrcnn.data.readers.class_table import ClassTableDataset
from mrcnn.errors import ConfigError, DataError

LABELS = np.zeros((30, 40), np.uint8)
LABELS[2:8, 3:9], LABELS[10:20, 20:35], LABELS[25:28, 0:4] = 1, 2, 200
ROWS = ["image,label,class", "a,1,red", "a.tif,2,white", "a,200,red"]


def write(folder, labels=LABELS, name="a", suffix=""):
    for sub in ("images", "labels"):
        (folder / sub).mkdir(exist_ok=True)
    tifffile.imwrite(folder / "images" / f"{name}.tif", np.full((30, 40), 7, np.uint8))
    tifffile.imwrite(folder / "labels" / f"{name}{suffix}.tif", labels)


def table(folder, rows, name="classes.csv", encoding="utf-8", newline="\n"):
    (folder / name).write_text("".join(f"{row}\n" for row in rows), encoding=encoding, newline=newline)


def names(dataset, image_id=0):
    return [dataset.class_names[c] for c in dataset.load_instances(image_id).class_ids]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        [row.replace(",", ";") for row in ROWS],
        [row.replace(",", "\t") for row in ROWS],
        ["", *ROWS[:2], "", ",,", *ROWS[2:], "", ""],
        ['"image","label","class"', '"a","1","red"', '"a", "2", "white"', '"a","200","red"'],
        [" Image ; Label;CLASS", "a ;1; red", "a;2.0;white", "a;200;red"],
        ["class,area,label,image", "red,3.5,1,a", 'white,"1,5",2,a', "red,,200,a"],
        ["image\tlabel\tclass\tcomment", "a\t1\tred\tx, y, z; w", "a\t2\twhite\t,,,;;;", "a\t200\tred\t"],
    ],
)
def test_forms_of_the_table(tmp_path, rows, encoding, newline):
    write(tmp_path)
    table(tmp_path, rows, encoding=encoding, newline=newline)
    dataset = ClassTableDataset(tmp_path)
    assert dataset.class_names == ["BG", "red", "white"] and names(dataset) == ["red", "white", "red"]
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1, 2, 1]
    np.testing.assert_array_equal(masks, np.stack([LABELS == v for v in (1, 2, 200)], axis=-1))


label_images = arrays(np.uint16, (7, 9), elements=st.sampled_from([0, 0, 1, 2, 300, 65535]))


@settings(max_examples=20)
@given(label_images, label_images, st.data())
def test_every_class_is_written_and_read_back(first, second, data):
    classes = ["é", "b 10", "b 2"]
    given_classes = {
        (stem, int(value)): data.draw(st.sampled_from(classes))
        for stem, labels in (("x", first), ("y.1", second))
        for value in np.unique(labels[labels > 0])
    }
    rows = data.draw(st.permutations([f"{stem};{v};{name}" for (stem, v), name in given_classes.items()]))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for stem, labels in (("x", first), ("y.1", second)):
            for sub, content in (("images", np.zeros((7, 9), np.uint8)), ("labels", labels)):
                (folder / sub).mkdir(exist_ok=True)
                tifffile.imwrite(folder / sub / f"{stem}.tif", content)
        table(folder, ["image;label;class", *rows])
        dataset = ClassTableDataset(folder, classes=classes, mode="instances", no_background=True)
        for image_id, (stem, labels) in enumerate((("x", first), ("y.1", second))):
            masks, _ = dataset.load_mask(image_id)
            values = np.unique(labels[labels > 0]).tolist()
            assert names(dataset, image_id) == [given_classes[stem, v] for v in values]
            assert all(np.array_equal(masks[..., i], labels == v) for i, v in enumerate(values))
        if given_classes:
            found = ClassTableDataset(folder).class_names[1:]
            assert found == [c for c in ("b 2", "b 10", "é") if c in given_classes.values()]


def test_classes_can_be_given(tmp_path):
    write(tmp_path)
    table(tmp_path, ROWS)
    dataset = ClassTableDataset(tmp_path, classes=["white", "blue", "red"])
    assert dataset.class_names == ["BG", "white", "blue", "red"]
    assert dataset.load_instances(0).class_ids.tolist() == [3, 1, 3]
    with pytest.raises(DataError, match=r"classes.csv, line 3: has the class 'white', which is not in the list \(red"):
        ClassTableDataset(tmp_path, classes=["red", "blue"])
    with pytest.raises(ConfigError, match="classes must be distinct"):
        ClassTableDataset(tmp_path, classes=["red", "red"])


def test_a_label_image_of_zeros_needs_no_row(tmp_path):
    write(tmp_path, LABELS * 0)
    table(tmp_path, ROWS[:1])
    assert ClassTableDataset(tmp_path, classes=["red"]).load_mask(0)[0].shape == (30, 40, 0)
    with pytest.raises(DataError, match="classes.csv: holds no rows. Each row must be image,label,class"):
        ClassTableDataset(tmp_path)
    write(tmp_path, name="b")
    table(tmp_path, [ROWS[0], "b,1,red", "b,2,white", "b,200,red"])
    dataset = ClassTableDataset(tmp_path)
    assert names(dataset, 0) == [] and names(dataset, 1) == ["red", "white", "red"]


def test_options_are_those_of_label_images(tmp_path):
    write(tmp_path, suffix="_lab")
    table(tmp_path, ["image,label,class", "a_lab.tif,1,red", "a.tif,2,white", "a,200,red"], "Classes.CSV")
    given_options = {"suffix": "_lab", "min_size_px": 13, "pixel_size_nm": 8, "channels": 1}
    dataset = ClassTableDataset(tmp_path, **given_options)
    assert names(dataset) == ["red", "white"] and dataset.pixel_size_nm(0) == (8, 8)
    assert dataset.load_image(0).shape == (30, 40, 1)
    beside = ClassTableDataset(tmp_path / "images", tmp_path / "labels", suffix="_lab")
    assert names(beside) == ["red", "white", "red"]
    (tmp_path / "Classes.CSV").rename(tmp_path / "t.csv")
    with pytest.raises(DataError, match="classes.csv: cannot be read"):
        ClassTableDataset(tmp_path, **given_options)
    assert names(ClassTableDataset(tmp_path, table=tmp_path / "t.csv", **given_options)) == ["red", "white"]


def test_semantic_values_are_classes_of_components(tmp_path):
    labels = np.zeros((30, 40), np.uint8)
    labels[2:8, 3:9], labels[2:8, 9:12], labels[15:20, 20:24], labels[25:29, 1:3] = 1, 2, 1, 1
    y, x = np.mgrid[:30, :40]
    labels[(np.hypot(y - 20, x - 30) < 4) | (np.hypot(y - 20, x - 36) < 4)] = 2
    write(tmp_path, labels)
    table(tmp_path, ["image,label,class", "a,1,b", "a,2,a"])
    with pytest.warns(UserWarning, match=r"a\.tif: the label 1 is in 3 pieces far apart.*mode=semantic"):
        assert names(ClassTableDataset(tmp_path)) == ["b", "a"]
    assert names(ClassTableDataset(tmp_path, mode="instances")) == ["b", "a"]
    dataset = ClassTableDataset(tmp_path, mode="semantic")
    assert names(dataset) == ["b", "b", "b", "a", "a"]
    assert dataset.load_instances(0).areas()[:3].tolist() == [36, 20, 8]
    assert names(ClassTableDataset(tmp_path, mode="semantic", min_size_px=9)) == ["b", "b", "a", "a"]
    assert names(ClassTableDataset(tmp_path, mode="semantic", watershed_distance_px=2)).count("a") == 3


@pytest.mark.parametrize(
    "rows, message",
    [
        ([], "classes.csv: is empty. Its first row must name the columns image, label, class"),
        (["", ",,"], "classes.csv: is empty"),
        (["image,label", "a,1"], "classes.csv, line 1: is a header without the column class"),
        (["a,1,red", "a,2,white"], "classes.csv, line 1: is a header without the column image"),
        (["", "image;class;class"], "classes.csv, line 2: is a header without the column label"),
        (["image,label,class,Class"], "classes.csv, line 1: is a header that repeats the column class"),
        ([*ROWS, "a,3"], "classes.csv, line 5: has 2 columns, but the header has 3"),
        ([*ROWS, "a,3,red,blue"], "classes.csv, line 5: has 4 columns, but the header has 3"),
        ([*ROWS, "b,1,red"], "classes.csv, line 5: names the image b, which is not in .*images. Correct the name"),
        ([*ROWS, ",1,red"], "classes.csv, line 5: names the image '', which is not in"),
        ([*ROWS, "a,3,"], "classes.csv, line 5: has no class"),
        ([*ROWS, "a,0,red"], "classes.csv, line 5: has the label '0', but a whole number of at least 1 is expected"),
        ([*ROWS, "a,-1,red"], "line 5: has the label '-1', but"),
        ([*ROWS, "a,1.5,red"], "line 5: has the label '1.5', but"),
        ([*ROWS, "a,nan,red"], "line 5: has the label 'nan', but"),
        ([*ROWS, "a,,red"], "line 5: has the label '', but"),
        ([*ROWS, "", "a.tif,1,white"], "line 6: gives a class to the label 1 of a.tif again, after line 2. Keep one"),
        ([*ROWS, 'a,"3,red'], "classes.csv, line 5: cannot be parsed"),
    ],
)
def test_wrong_tables_are_named_with_their_line(tmp_path, rows, message):
    write(tmp_path)
    table(tmp_path, rows)
    with pytest.raises(DataError, match=message):
        ClassTableDataset(tmp_path)


def test_a_table_in_another_encoding_is_refused(tmp_path):
    write(tmp_path)
    table(tmp_path, [ROWS[0], "a,1,größer"], encoding="latin-1")
    with pytest.raises(DataError, match="classes.csv: cannot be read .it is not UTF-8 text.. .*save the file as UTF-8"):
        ClassTableDataset(tmp_path)


def test_values_and_rows_must_agree(tmp_path):
    write(tmp_path)
    table(tmp_path, ROWS[:2])
    with pytest.raises(DataError, match=r"labels/a.tif: has the labels 2, 200 without a row in .*classes.csv\. Add a"):
        ClassTableDataset(tmp_path).load_instances(0)
    table(tmp_path, [*ROWS, "a,7,red"])
    with pytest.raises(DataError, match=r"classes.csv: gives a class to the label 7 of a.tif, but .*labels/a.tif has"):
        ClassTableDataset(tmp_path).load_instances(0)
    table(tmp_path, [*ROWS, *(f"a,{v},red" for v in range(3, 20))])
    with pytest.raises(DataError, match="to the labels 3, 4, 5, 6, 7 and 12 more of a.tif"):
        ClassTableDataset(tmp_path).load_instances(0)
    (tmp_path / "labels" / "a.tif").unlink()
    with pytest.raises(DataError, match="holds no image"):
        ClassTableDataset(tmp_path)


def test_an_exact_file_name_wins_over_a_name_without_extension(tmp_path):
    write(tmp_path, np.uint8(LABELS == 1), "a")
    write(tmp_path, np.uint8(LABELS == 2) * 2, "a.tif")  # the file a.tif.tif
    table(tmp_path, ["image,label,class", "a.tif,1,red", "a.tif.tif,2,white"])
    dataset = ClassTableDataset(tmp_path)
    assert {info["id"]: names(dataset, i) for i, info in enumerate(dataset.image_info)} == {
        "a": ["red"],
        "a.tif": ["white"],
    }
