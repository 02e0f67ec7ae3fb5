"""Prediction of many images: in parts, interrupted and resumed, with files that cannot be read, on Dask."""

import json
import shutil
import sys
import weakref

import numpy as np
import pandas as pd
import pytest
import tifffile

from mrcnn.commands import predict as module
from mrcnn.errors import ConfigError
from mrcnn.options.arguments import FAILED, run
from mrcnn.options.predict_arguments import predict_parser

WRITE = ("overlay", "instances", "summary", "coco")
IMAGES = {"one.tif": 1, "stack.tif[0]": 0, "stack.tif[1]": 1, "stack.tif[2]": 2, "two.tif": 2}


@pytest.fixture
def predict(domain, detector, pictures, tmp_path, monkeypatch):
    """Call the script's work in a folder of three files; returns the exit code."""
    monkeypatch.setattr(module, "load_detector", lambda domain, options: detector)

    def call(*arguments, out="out"):
        write = [name for name in WRITE if name != "coco" or "--parts" not in arguments]
        given = ["--weights", "none", "--out", str(tmp_path / out), "--pictures", "0", "--write", ",".join(write)]
        options = vars(predict_parser("about").parse_args([*given, *arguments, str(pictures)]))
        return run(module.predict, domain, {**options, "detections": True})

    return call


def counts(table):
    return {name: int((table["image"] == name).sum()) for name in IMAGES}


def test_small_sets_are_joined_whatever_the_size_of_the_parts(predict, tmp_path):
    assert predict("--cells") == predict("--cells", "--part-size", "1", "--batch", "3", out="other") == 0
    for name in ("detections.csv", "detections.json", "cells.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "detections.csv",
        "detections.json",
        "cells.csv",
        "instances.csv",
        "summary.csv",
        "written_by_mrcnn.json",
    }
    detections, cells = (pd.read_csv(tmp_path / "out" / f"{name}.csv") for name in ("detections", "cells"))
    assert counts(detections) == counts(cells) == IMAGES
    assert (cells["mean_grey"] == 200).all() and (cells["area_px"] == 25).all() and (cells["ring_grey"] == 0).all()
    entries = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert [(e["image_id"], e["file_name"]) for e in entries] == [
        (i, name) for i, name in enumerate(IMAGES, 1) for _ in range(IMAGES[name])
    ]


def test_areas_of_cells_in_square_micrometres(predict, tmp_path, capsys):
    assert predict("--cells", "--pixel-size-nm", "320", "--parts", "csv", "--part-size", "1") == 0
    for path in (tmp_path / "out" / "parts").glob("cells_*.csv"):
        cells = pd.read_csv(path)
        assert list(cells["area_um2"]) == pytest.approx(list(cells["area_px"] * 0.32**2))
    assert predict("--cells", "--pixel-size-nm", "80", "--parts", "csv", "--part-size", "1", "--resume") == 2
    assert "different pixel size" in capsys.readouterr().err


def test_an_interrupted_run_continues_and_repeats_only_what_changed(predict, detector, pictures, tmp_path, capsys):
    detect, detector.predict = detector.predict, lambda images: (_ for _ in ()).throw(KeyboardInterrupt)
    assert predict() == 130 and not (tmp_path / "out" / "detections.csv").exists()
    seen = []

    def interrupted(images):
        if len(seen) == 4:  # one.tif and the pages of stack.tif are done
            raise KeyboardInterrupt
        seen.append(images)
        return detect(images)

    detector.predict = interrupted
    assert predict("--part-size", "1", out="other") == 130
    parts = tmp_path / "other" / "parts"
    assert sorted(p.name for p in parts.glob("part*")) == ["part_000000.json", "part_000001.json"]
    assert predict("--part-size", "1", out="other") == 2 and "--resume" in capsys.readouterr().err
    (pictures / "one.tif").write_bytes(b"II*\0 broken meanwhile")
    detector.predict, detector.seen = detect, 0
    assert predict("--part-size", "2", "--resume", out="other") == 2  # other parts
    assert predict("--part-size", "1", "--resume", out="other") == FAILED
    assert detector.seen == 2 - 1  # two.tif; one.tif was tried again, and cannot be read
    table = pd.read_csv(tmp_path / "other" / "detections.csv")
    assert counts(table) == {**IMAGES, "one.tif": 0}
    failed = pd.read_csv(tmp_path / "other" / "failed.csv")
    assert [name.endswith("one.tif") for name in failed["file"]] == [True] and "one.tif" in failed["problem"][0]
    assert not parts.exists()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_parts_stay_and_are_kept_by_resume(predict, detector, tmp_path, kind):
    if kind == "parquet":
        pytest.importorskip("pyarrow", exc_type=ModuleNotFoundError)
    assert predict("--parts", kind, "--part-size", "2", "--cells") == 0
    folder, seen = tmp_path / "out" / "parts", detector.seen
    read = pd.read_csv if kind == "csv" else pd.read_parquet
    for name in ("detections", "cells"):
        found = [read(path) for path in sorted(folder.glob(f"{name}_*.{kind}"))]
        assert len(found) == 2 and counts(pd.concat(found)) == IMAGES
    assert "coco" not in json.loads((folder / "part_000000.json").read_text())
    assert not (tmp_path / "out" / "detections.csv").exists()
    assert predict("--parts", kind, "--part-size", "2", "--cells", "--resume") == 0 and detector.seen == seen
    (folder / f"cells_000001.{kind}").unlink()
    assert predict("--parts", kind, "--part-size", "2", "--cells", "--resume") == 0 and detector.seen == seen + 1


def test_images_with_the_same_name_in_several_folders_are_told_apart(predict, pictures, tmp_path):
    other = tmp_path / "plate_2"
    other.mkdir()
    tifffile.imwrite(other / "one.tif", np.zeros((30, 30), np.uint8))
    shutil.copy(pictures / "two.tif", other / "two.tif")
    assert predict("--cells", "--pictures", "9", str(other)) == 0
    expected = {
        "pictures/one.tif": 1,
        "plate_2/two.tif": 2,
        "pictures/two.tif": 2,
        "stack.tif[1]": 1,
        "stack.tif[2]": 2,
    }
    for name in ("detections", "cells"):
        assert pd.read_csv(tmp_path / "out" / f"{name}.csv")["image"].value_counts().to_dict() == expected
    entries = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert len({e["image_id"] for e in entries}) == len({e["file_name"] for e in entries}) == len(expected)
    assert len(list((tmp_path / "out").glob("*_overlay*.png"))) == 7


def test_of_a_long_stack_only_the_objects_to_be_drawn_stay_in_memory(predict, detector, pictures, tmp_path):
    page = np.zeros((30, 30), np.uint8)
    page[5:9, 5:9] = 200
    tifffile.imwrite(pictures / "long.tif", np.stack([page] * 150), photometric="minisblack")
    detect, alive, most = detector.predict, [], []

    def watched(images):
        found = detect(images)
        alive.append(weakref.ref(found[0]))
        most.append(sum(ref() is not None for ref in alive))
        return found

    detector.predict = watched
    assert predict("--pictures", "1", "--overlays", "2", "--part-size", "9") == 0
    assert len(alive) > 150 and max(most) < 60  # as many as are under way in threads
    assert len(list((tmp_path / "out").glob("*_overlay*.png"))) == 2


def test_options_that_cannot_go_together(predict, capsys):
    assert predict("--masks", "--parts", "csv") == 2
    assert "leave coco and masks out" in capsys.readouterr().err


def test_dask_gives_the_same(predict, detector, domain, pictures, tmp_path):
    distributed = pytest.importorskip("distributed", exc_type=ModuleNotFoundError)
    assert predict("--cells") == 0
    options = vars(
        predict_parser("about").parse_args(
            [
                "--weights",
                "none",
                "--out",
                str(tmp_path / "dask"),
                "--write",
                ",".join(WRITE),
                "--pictures",
                "1",
                "--cells",
                "--part-size",
                "1",
                str(pictures),
            ]
        )
    )
    with distributed.Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        assert module.predict(domain, {**options, "dask": client, "detections": True}) == 0
    for name in ("detections.csv", "detections.json", "cells.csv", "instances.csv", "summary.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "dask" / name).read_bytes()
    assert [p.name for p in (tmp_path / "dask").glob("*.png")] == ["one_overlay.png"]
    with pytest.raises(ConfigError, match="local:N"):
        module.predict(domain, {**options, "dask": "here", "out": str(tmp_path / "wrong")})


def test_images_without_objects_give_tables_with_the_same_columns(predict, pictures, tmp_path):
    size = "--pixel-size-nm", "5"
    assert predict("--cells", "--parts", "csv", "--part-size", "1", *size) == 0
    for path in pictures.iterdir():
        path.unlink()
    tifffile.imwrite(pictures / "dark.tif", np.zeros((30, 30), np.uint8))
    assert predict("--cells", *size, out="dark") == 0
    for name in ("detections", "cells"):
        with_rows = pd.read_csv(tmp_path / "out" / "parts" / f"{name}_000000.csv")
        without = pd.read_csv(tmp_path / "dark" / f"{name}.csv")
        assert list(with_rows) == list(without) and len(without) == 0 and len(with_rows) == 1


def test_workers_write_into_the_same_folder_wherever_they_were_started(predict, tmp_path, monkeypatch):
    streaming = pytest.importorskip("mrcnn.inference.streaming_dask", exc_type=ImportError)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def elsewhere(dask, detector, work, tasks):
        for key, task in tasks.items():
            with monkeypatch.context() as there:
                there.chdir(tmp_path / "elsewhere")
                result = work(detector, task)
            yield key, result

    monkeypatch.setattr(streaming, "work_on_dask", elsewhere)
    assert predict("--dask", "tcp://host:1", "--out", "relative", "--pictures", "9") == 0
    assert (tmp_path / "relative" / "one_overlay.png").is_file()
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_missing_dask_is_named_before_the_detection_also_of_a_single_image(
    predict, detector, pictures, monkeypatch, capsys
):
    for name in ("two.tif", "stack.tif"):
        (pictures / name).unlink()
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "mrcnn.inference.dask_workers", raising=False)
    assert predict("--dask", "local:2") == 2 and detector.seen == 0
    assert "pip install distributed" in capsys.readouterr().err
