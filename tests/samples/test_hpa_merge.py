"""The command that merges fields: its files, exit codes and messages."""

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mrcnn.images.read import read_image

SCRIPT = Path(__file__).resolve().parents[2] / "samples" / "hpa_cells" / "merge.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("hpa_merge_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_fields(folder, count, side=8):
    folder.mkdir()
    for i in range(count):
        for k, channel in enumerate(("red", "green", "blue", "yellow")):
            Image.fromarray(np.full((side, side), 50 * k + 10, np.uint8)).save(folder / f"f{i}_{channel}.png")
    return folder


def test_fields_are_merged_and_failures_named(script, tmp_path, capsys):
    source, out = write_fields(tmp_path / "in", 3), tmp_path / "out"
    assert script.main([str(source), "--out", str(out)]) == 0
    assert "3 fields merged into" in capsys.readouterr().out
    assert read_image(out / "f0.png")[0, 0].tolist() == [10 + 80, 60 + 80, 110]
    (source / "f1_blue.png").unlink()
    assert script.main([str(source), "--out", str(tmp_path / "four"), "--mode", "four", "--workers", "1"]) == 1
    assert "failed: " in (text := capsys.readouterr().err) and "f1_blue.png: is missing" in text
    assert read_image(tmp_path / "four" / "f0.tif").shape == (8, 8, 4)
    assert script.main([str(source), "--out", str(tmp_path / "four"), "--mode", "four", "--missing", "zeros"]) == 0
    assert "1 fields merged into" in (text := capsys.readouterr().out) and "2 were already up to date" in text


def test_exit_code_2_if_nothing_can_be_done(script, tmp_path, capsys):
    assert script.main([str(tmp_path / "nothing"), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    source = write_fields(tmp_path / "in", 25)
    for path in source.glob("*_red.png"):
        path.unlink()
    assert script.main([str(source), "--out", str(tmp_path / "out")]) == 2
    assert "failed: 5 more fields" in capsys.readouterr().err


def test_a_killed_and_resumed_command_gives_the_same_files(script, tmp_path):
    source = write_fields(tmp_path / "in", 120, side=300)
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(source), "--out", str(tmp_path / "a"), "--workers", "1"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None and not list((tmp_path / "a").glob("f*.png")):
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert 1 <= len(list((tmp_path / "a").glob("f*.png"))) < 120
    for name in "ab":
        assert script.main([str(source), "--out", str(tmp_path / name)]) == 0
    found = [{p.name: p.read_bytes() for p in (tmp_path / name).glob("f*.png")} for name in "ab"]
    assert len(found[0]) == 120 and found[0] == found[1]


def test_help_covers_every_option_and_does_not_import_numpy(script):
    assert all(action.help for action in script.parser()._actions)
    code = (
        f"import runpy, sys\nsys.argv = ['merge.py', '--help']\ntry:\n    runpy.run_path({str(SCRIPT)!r}, "
        "run_name='__main__')\nexcept SystemExit:\n    assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
