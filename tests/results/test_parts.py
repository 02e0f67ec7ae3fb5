"""Tables in parts: complete or absent, resumed only by the same run, joined into one."""

import json
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import ConfigError, DataError, MissingExtra
from mrcnn.results.parts import PartStore

RUN = {"weights": "a"}


def table(*values):
    return pd.DataFrame(
        {"image": pd.Series([f"Fähre, {v}" for v in values], dtype="str"), "x1": pd.Series(values, dtype="int64")}
    )


def test_parts_are_resumed_and_joined_into_one(tmp_path):
    store = PartStore(tmp_path / "parts", "csv", RUN)
    store.put(0, {"detections": table()}, {"count": 1})
    store.put(1, {"detections": table(1, 2)}, {"count": 2})
    (tmp_path / "parts" / ".writing-12.csv").write_text("half")
    again = PartStore(tmp_path / "parts", "csv", RUN, resume=True)
    assert not list((tmp_path / "parts").glob(".writing*"))
    assert again.record(1) == {"count": 2} and again.record(2) is None
    again.put(2, {"detections": table(3)}, {"count": 1})
    again.join("detections", range(3), tmp_path / "all.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "all.csv"), table(1, 2, 3))
    with pytest.raises(DataError, match="detections_000003.csv"):
        again.join("detections", range(4), tmp_path / "more.csv")
    assert not (tmp_path / "more.csv").exists()
    (tmp_path / "parts" / "part_000002.json").write_text("{")
    assert again.record(2) is None
    again.remove()
    assert not (tmp_path / "parts").exists()


def test_parts_of_another_run_are_rejected_and_other_files_stay(tmp_path):
    store = PartStore(tmp_path, "csv", RUN)
    (tmp_path / "mine.csv").write_text("kept")
    with pytest.raises(ConfigError, match="--resume"):
        PartStore(tmp_path, "csv", RUN)
    with pytest.raises(ConfigError, match="different weights"):
        PartStore(tmp_path, "csv", {"weights": "b"}, resume=True)
    store.put(0, {}, {})
    (tmp_path / "run.json").write_text("[")
    with pytest.raises(ConfigError, match="another run"):
        PartStore(tmp_path, "csv", RUN, resume=True)
    store.remove()
    assert [p.name for p in tmp_path.iterdir()] == ["mine.csv"]
    with pytest.raises(ConfigError, match="'xls'"):
        PartStore(tmp_path, "xls", RUN)


def test_parts_of_an_earlier_version_are_computed_again(tmp_path, capsys):
    store = PartStore(tmp_path, "csv", {**RUN, "settings": "few"})
    store.put(0, {"detections": table(1)}, {"count": 1})
    (tmp_path / "mine.csv").write_text("kept")
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 1}))
    with pytest.raises(ConfigError, match="different weights"):  # another run all the same
        PartStore(tmp_path, "csv", {"weights": "b", "settings": "all"}, resume=True)
    with pytest.raises(ConfigError, match="--resume"):
        PartStore(tmp_path, "csv", {**RUN, "settings": "all"})
    assert store.record(0) == {"count": 1} and capsys.readouterr().err == ""
    for more in ({}, {"tile": "auto"}):  # the run of the second lacks an entry
        again = PartStore(tmp_path, "csv", {**RUN, "settings": "all", **more}, resume=True)
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and f"{tmp_path}: an earlier version wrote the parts here" in said
        assert again.record(0) is None and {p.name for p in tmp_path.iterdir()} == {"mine.csv", "run.json"}
        again.put(0, {"detections": table(2)}, {"count": 2})
        again = PartStore(tmp_path, "csv", {**RUN, "settings": "all", **more}, resume=True)
        assert again.record(0) == {"count": 2} and capsys.readouterr().err == ""
    with pytest.raises(ConfigError, match="different settings"):
        PartStore(tmp_path, "csv", {**RUN, "settings": "others", "tile": "auto"}, resume=True)


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow", exc_type=ModuleNotFoundError)
    store = PartStore(tmp_path, "parquet", RUN)
    store.put(0, {"detections": table()}, {})
    store.put(1, {"detections": table(4, 5)}, {})
    empty, full = (pd.read_parquet(store.path("detections", n)) for n in range(2))
    assert full["x1"].tolist() == [4, 5] and full.dtypes.equals(empty.dtypes)


def test_parquet_without_pyarrow_explains_how_to_install_it_and_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match="pip install pyarrow$"):
        PartStore(tmp_path / "parts", "parquet", RUN)
    assert not (tmp_path / "parts").exists()


def with_sizes(rows):
    return pd.DataFrame({"image": [f"b, {v}" for v in rows], "area_px": rows, "area_um2": [v / 4 for v in rows]})


def without_sizes(rows):
    return pd.DataFrame({"image": ["NA" for v in rows], "area_px": rows, "note": ['"x"\ny' for v in rows]})


@given(
    kinds=st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 99), max_size=3)), min_size=1, max_size=5),
    left_out=st.integers(0, 4),
)
def test_parts_with_different_columns_are_joined_like_tables(kinds, left_out):
    with tempfile.TemporaryDirectory() as folder:
        store, tables = PartStore(Path(folder) / "parts", "csv", RUN), {}
        for number, (sizes, rows) in enumerate(kinds):
            tables[number] = (with_sizes if sizes else without_sizes)(rows)
            store.put(number, {"instances": tables[number]}, {})
        numbers = [n for n in tables if n != left_out] or list(tables)
        store.join("instances", numbers, Path(folder) / "all.csv")
        joined = pd.read_csv(Path(folder) / "all.csv", keep_default_na=False, na_values={"area_um2": ""})
        columns = list(dict.fromkeys(column for n in numbers for column in tables[n].columns))
        assert list(joined.columns) == columns
        rows = [row for n in numbers for row in tables[n].reindex(columns=columns).to_dict("records")]
        assert len(joined) == len(rows)
        for found, true in zip(joined.to_dict("records"), rows):
            for name in columns:
                assert found[name] == true[name] or pd.isna(true[name]) and (found[name] == "" or pd.isna(found[name]))


def test_numbers_are_not_rounded_or_formatted_anew_by_joining(tmp_path):
    store = PartStore(tmp_path / "parts", "csv", RUN)
    values = [0.1 + 0.2, 1e-300, 123456789.123456789]
    store.put(0, {"instances": pd.DataFrame({"a": values})}, {})
    store.put(1, {"instances": pd.DataFrame({"a": values, "b": [1, 2, 3]})}, {})
    store.join("instances", [0, 1], tmp_path / "all.csv")
    lines = (tmp_path / "all.csv").read_text().splitlines()[1:]
    assert [float(line.split(",")[0]) for line in lines] == values * 2
