"""Images of one name, in several folders or spellings, are told apart in every table and every file."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from large_images import Blobs, called, scene

COMPOSED, SEPARATE = "caf\u00e9.tif", "cafe\u0301.tif"


def image(folder, name="field1.tif", count=3, pages=0):
    folder.mkdir(parents=True, exist_ok=True)
    squares = np.zeros((40, 50), np.uint8)
    for i in range(count):
        squares[10:15, 3 + 8 * i : 8 + 8 * i] = 200
    tifffile.imwrite(folder / name, np.stack([squares] * pages) if pages else squares, photometric="minisblack")
    return folder


def predict(tmp_path, *images, write="labels,instances,summary,coco,cells", options=()):
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "out", *options, *images, write=write) == 0
    return tmp_path / "out"


def test_fields_of_two_plates(tmp_path):
    out = predict(tmp_path, image(tmp_path / "plate_A", count=5), image(tmp_path / "plate_B", count=2))
    for table in ("instances", "cells"):
        counts = pd.read_csv(out / f"{table}.csv").groupby("image").size().to_dict()
        assert counts == {"plate_A/field1.tif": 5, "plate_B/field1.tif": 2}
    summary = pd.read_csv(out / "summary.csv").set_index("image")
    assert summary["count"].to_dict() == {"plate_A/field1.tif": 5, "plate_B/field1.tif": 2}
    for name, count in summary["count"].items():
        assert tifffile.imread(out / summary.loc[name, "labels"]).max() == count
    assert {entry["file_name"] for entry in pd.read_json(out / "detections.json").to_dict("records")} == set(counts)


def test_stacks_of_two_plates(tmp_path):
    folders = [image(tmp_path / name, "z.tif", count, pages=2) for name, count in (("plate_A", 3), ("plate_B", 1))]
    out = predict(tmp_path, *folders, write="instances,volumes", options=["--link-slices"])
    counts = pd.read_csv(out / "objects.csv").groupby("stack").size().to_dict()
    assert counts == {"plate_A/z.tif": 3, "plate_B/z.tif": 1}
    assert pd.read_csv(out / "stacks.csv")["stack"].tolist() == ["plate_A/z.tif", "plate_B/z.tif"]


@pytest.mark.parametrize("names", [(COMPOSED, SEPARATE), ("a.tif", "A.tif")])
def test_two_spellings_of_one_name(tmp_path, names):
    folder = image(tmp_path / "in", names[0], 4)
    image(folder, names[1], 2)
    if len(list(folder.iterdir())) == 1:
        pytest.skip("this file system takes the two names for one")
    out = predict(tmp_path, *(folder / name for name in names), write="labels,instances,summary")
    summary = pd.read_csv(out / "summary.csv")
    assert summary["count"].tolist() == [4, 2] and summary["image"].nunique() == 2
    plain = {name.replace(SEPARATE[:5], COMPOSED[:4]).lower() for name in summary["labels"]}
    assert len(plain) == 2, "also on a file system that takes A for a"
    for name, count in zip(summary["labels"], summary["count"]):
        assert tifffile.imread(out / name).max() == count
    assert pd.read_csv(out / "instances.csv").groupby("image").size().sort_values().tolist() == [2, 4]


def test_a_name_is_as_short_as_it_can_be(tmp_path):
    tifffile.imwrite(tmp_path / "other.tif", scene((40, 40), 1))
    out = predict(tmp_path, image(tmp_path / "p1"), image(tmp_path / "p2"), tmp_path / "other.tif")
    assert sorted(pd.read_csv(out / "summary.csv")["image"]) == ["other.tif", "p1/field1.tif", "p2/field1.tif"]
