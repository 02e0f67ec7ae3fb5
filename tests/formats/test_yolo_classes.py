import pytest

from mrcnn.errors import DataError
from mrcnn.formats.yolo_classes import class_names, find_class_file


def written(folder, text, name="data.yaml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "names: ['cell', \"dust, fine\", red cell]\nnc: 3\n",
        "train: ../train/images\n\nnc: 3\nnames: ['cell', 'dust, fine', 'red cell']\n\nroboflow:\n  v: 1",
        "names:\n  0: cell\n  1: 'dust, fine'  # a comment\n  2: red cell\n",
        'names:\n- cell\n- dust, fine\n\n- "red cell"\nnc: 3 # three\n',
        "names: {0: cell, 2: red cell, 1: 'dust, fine'}\n",
        "\ufeffpath: x\r\nnames:\r\n  0: cell\r\n  1: dust, fine\r\n  2: red cell\r\n",
        "names: [cell,   # the first\n  'dust, fine',\n  red cell,\n]\n",
        "# names: [no]\n'names':\n    - cell\n    - dust, fine\n    - red cell\n",
    ],
)
def test_the_forms_in_which_programs_write_names(tmp_path, text):
    assert class_names(written(tmp_path, text)) == {0: "cell", 1: "dust, fine", 2: "red cell"}


def test_quotes_and_gaps(tmp_path):
    assert class_names(written(tmp_path, "names: ['it''s', \"a\\u00e4\"]")) == {0: "it's", 1: "aä"}
    assert class_names(written(tmp_path, "names:\n  1: a#b\n  7: x\n")) == {1: "a#b", 7: "x"}


@pytest.mark.parametrize(
    "text, message",
    [
        ("nc: 2\n", "data.yaml: has no class names"),
        ("names: cell\n", "line 1: has names = 'cell', which is no list"),
        ("names: []\n", "line 1: names no class"),
        ("a: 1\nnames:\n", "line 2: names no class"),
        ("names: [a, b\n", r"line 1: has names without a closing \]"),
        ("names: [a, [b]]\n", "line 1: has names that cannot be read"),
        ("names: ['a' b]\n", "line 1: has names that cannot be read"),
        ("names: {a: 0}\n", "line 1: has names that cannot be read"),
        ("names: {0: a, 0: b}\n", "line 1: gives a second name to the class number 0"),
        ("names:\n  0: a\n  x: b\n", "line 3: is not the name of a class: x: b"),
        ("names: [a, a]\n", "names the class 'a' twice"),
        ("names: [a, '']\n", "line 1: has no name for 1"),
        ("nc: 3\nnames: [a, b]\n", "data.yaml: has nc = 3, but names 2 classes"),
        ("nc: many\nnames: [a, b]\n", "line 1: has nc = 'many'"),
        ("names: {" + "9" * 5000 + ": a}", "line 1: has a class number = '999.*but a number is expected"),
        ("kpt_shape: [17, 3]\nnames: [a]\n", "is for keypoints"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        class_names(written(tmp_path, text))
    assert len(str(caught.value)) < 600


def test_where_the_file_is_looked_for(tmp_path):
    labels = tmp_path / "train" / "labels"
    labels.mkdir(parents=True)
    with pytest.raises(DataError, match="has no file of class names"):
        find_class_file(labels)
    top = written(tmp_path, "names: [a]")
    assert find_class_file(labels) == top  # as in Roboflow's train/labels
    above = written(tmp_path / "train", "a\n", "classes.txt")
    assert find_class_file(labels) == above
    own = written(labels, "b\n", "obj.names")
    assert find_class_file(labels) == own


def test_two_lists_that_differ_are_refused(tmp_path):
    written(tmp_path, "names: [a, b]")
    path = written(tmp_path, "a\nb\n", "classes.txt")
    assert find_class_file(tmp_path) == path
    written(tmp_path, "b\na\n", "classes.txt")
    with pytest.raises(
        DataError, match="classes.txt: names the classes b, a, but data.yaml beside it a, b. Pass the one"
    ):
        find_class_file(tmp_path)
