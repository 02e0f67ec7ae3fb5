"""Descriptions of several paths: what cannot be read does not stop the others."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from mrcnn.commands.info import describe, info
from mrcnn.errors import MrcnnError
from mrcnn.weights.load import save_weights

RUNS = Path(__file__).parents[1] / "compatibility" / "stored" / "runs"


def test_what_cannot_be_read_does_not_stop_the_others(tmp_path, stored_run, shown):
    text = tmp_path / "notes.md"
    text.write_text("nothing")
    (tmp_path / "empty.tif").touch()
    (tmp_path / "folder").mkdir()
    bad = [tmp_path / "absent.tif", text, tmp_path / "empty.tif", tmp_path / "folder"]
    code, rows, errors = shown(*bad, stored_run())
    assert code == 1 and rows["network"] == "Mask R-CNN"
    assert [line.startswith(f"error: {path}: ") for line, path in zip(errors.splitlines(), bad)] == [True] * 4
    assert shown(*bad)[0] == 2


def test_json(stored_run, label_images, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "image.tif", np.eye(9, dtype=np.uint16))
    paths = [stored_run(), label_images, tmp_path / "image.tif", tmp_path / "absent"]
    assert info({"paths": [str(p) for p in paths], "json": True}) == 1
    found = json.loads(capsys.readouterr().out)
    assert [entry["path"] for entry in found] == [str(p) for p in paths]
    assert [entry["kind"] for entry in found] == ["weights", "data", "image", None]
    assert found[3]["errors"] == [f"{tmp_path / 'absent'}: does not exist. Check the path"]
    assert found[0]["network"] == "Mask R-CNN" and "settings" not in found[0]


def test_patterns(tmp_path, shown):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, np.eye(9, dtype=np.uint8))
    code, _, errors = shown(tmp_path / "*.tif")
    assert (code, errors) == (0, "")
    assert shown(tmp_path / "*.png")[0] == 2


def test_errors_are_those_of_the_package(tmp_path):
    for name in ("absent", "a?b"):
        with pytest.raises(MrcnnError):
            describe(tmp_path / name)


def test_keras_is_not_loaded_for_files_that_need_no_checkpoint(label_images, small, tmp_path):
    save_weights(small(), tmp_path / "weights.h5")
    paths = [tmp_path / "weights.h5", label_images, label_images / "images" / "i0.tif", RUNS / "mask" / "config.json"]
    code = (
        "import sys; from mrcnn.commands.info import info; print(info({'paths': sys.argv[1:]}), 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, paths)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False"
