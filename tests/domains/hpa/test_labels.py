import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.domains.hpa.labels import HPA_CLASSES, class_counts, map_targets, read_hpa_csv
from mrcnn.errors import ConfigError, DataError

TARGETS = st.dictionaries(st.uuids().map(str), st.lists(st.integers(0, 27), min_size=1, unique=True).map(tuple))


def write(folder, *lines):
    path = folder / "hpa.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@given(TARGETS, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_written_labels_are_read_back(targets, quoting):
    with tempfile.TemporaryDirectory() as folder:
        with open(Path(folder) / "hpa.csv", "w", newline="") as file:
            rows = csv.writer(file, quoting=quoting)
            rows.writerow(["Id", "Target"])
            rows.writerows([name, " ".join(map(str, labels))] for name, labels in targets.items())
        assert read_hpa_csv(Path(folder) / "hpa.csv") == targets


def test_other_columns_and_empty_lines_are_ignored(tmp_path):
    assert read_hpa_csv(write(tmp_path, "n,Target, Id", "1,16 0, a", "", "2,25,b")) == {"a": (16, 0), "b": (25,)}


@given(TARGETS)
def test_counts_are_numbers_of_fields(targets):
    counts = class_counts(targets)
    assert counts.shape == (28,) == (len(HPA_CLASSES),)
    assert all(counts[i] == sum(i in labels for labels in targets.values()) for i in range(28))


def test_labels_are_mapped_to_classes():
    targets = {"a": (25, 3), "b": (25, 0), "c": (2, 5), "d": (5,)}
    assert map_targets(targets) == {"a": ("Nucleoli",), "b": ("Not Nucleoli",), "c": ("Nucleoli",), "d": ("Nucleoli",)}
    groups = {"Cytosol": (25,), "Nucleoli": (2, 3)}
    assert map_targets(targets, groups, None) == {
        "a": ("Cytosol", "Nucleoli"),
        "b": ("Cytosol",),
        "c": ("Nucleoli",),
        "d": (),
    }
    assert all(HPA_CLASSES[i].startswith(("Nucleoli", "Nuclear")) for i in (2, 3, 4, 5))
    with pytest.raises(ConfigError, match="The class 'x' contains the label 28"):
        map_targets(targets, {"x": (28,)})


@pytest.mark.parametrize(
    "lines, message",
    [
        (["Id,Predicted", "a,0"], "hpa.csv, line 1: has no column Target"),
        ([""], "line 1: has no column Id"),
        (["Id,Target", "a"], "line 2: has 1 columns"),
        (["Id,Target", "a,1,2"], "line 2: has 3 columns"),
        (["Id,Target", "a,1", "a,2"], "line 3: lists field a, which is already in line 2"),
        (["Id,Target", "a,28"], "line 2: has the label '28', but labels are 0 to 27"),
        (["Id,Target", "a,-1"], "has the label '-1'"),
        (["Id,Target", "a," + "9" * 5000], "has the label '999"),
        (["Id,Target", "a,1.0"], "has the label '1.0'"),
        (["Id,Target", "a,1;2"], "has the label '1;2'"),
        (["Id,Target", "a,3 3"], "repeats a label"),
        (["Id,Target", "a, "], "line 2: has no label for field a"),
        (["Id,Target", ",1"], "has no field id"),
        (["Id,Target", '"a,1'], "line 2: cannot be parsed"),
    ],
)
def test_the_error_names_the_problem(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        read_hpa_csv(write(tmp_path, *lines))
