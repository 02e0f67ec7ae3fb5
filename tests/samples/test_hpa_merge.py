"""The script that merges fields: its help, exit codes, and resuming after it was killed."""

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


def test_an_error_is_one_line_and_exit_code_2(script, tmp_path, capsys):
    assert script.main([str(tmp_path / "nothing"), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def test_help_does_not_import_numpy():
    code = (
        f"import runpy, sys\nsys.argv = ['merge.py', '--help']\ntry:\n    runpy.run_path({str(SCRIPT)!r}, "
        "run_name='__main__')\nexcept SystemExit:\n    assert 'numpy' not in sys.modules"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "merge.py train --out merged" in said and "R = red + yellow/2" in said
