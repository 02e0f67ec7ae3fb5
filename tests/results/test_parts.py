"""Tables in parts: complete or absent, resumed only by the same run, joined into one."""

import sys

import pandas as pd
import pytest

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
    again.join("detections", 3, tmp_path / "all.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "all.csv"), table(1, 2, 3))
    with pytest.raises(DataError, match="detections_000003.csv"):
        again.join("detections", 4, tmp_path / "more.csv")
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
