"""The script that makes artificial data sets: a run, its help, and resuming after it was killed."""

import importlib.util
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mrcnn.domains.wafer.patches.folders import PatchFolderDataset
from mrcnn.domains.wafer.synthetic.wafer import STYLES, write_synthetic_wafer

SCRIPT = Path(__file__).resolve().parents[2] / "samples" / "wafer_sections" / "artificial.py"
SMALL = replace(STYLES["silicon"], length=50.0, tissue_depth=22.0, magnet_depth=24.0)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("wafer_artificial", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wafer(tmp_path_factory):
    """Paths of a small synthetic wafer's files."""
    return write_synthetic_wafer(tmp_path_factory.mktemp("wafer"), (480, 500), 20, seed=1, style=SMALL, few=3)


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.long
def test_a_killed_and_resumed_command_gives_the_same_files(script, wafer, tmp_path):
    arguments = [
        "--labels",
        str(wafer["few"]),
        "--train",
        "40",
        "--val",
        "0",
        "--test",
        "0",
        "--size",
        "150",
        "--throws",
        "60",
    ]
    command = [sys.executable, str(SCRIPT), *arguments, "--workers", "2", "--out", str(tmp_path / "a")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    patches = []
    while process.poll() is None and len(patches) < 3:
        time.sleep(0.02)
        patches = list((tmp_path / "a" / "train").glob("patch_*"))
    process.kill()
    process.communicate()  # returns once the workers have closed their streams too
    assert 3 <= len(list((tmp_path / "a" / "train").glob("patch_*"))) < 40
    for name in "ab":
        assert script.main([*arguments, "--workers", "1", "--out", str(tmp_path / name)]) == 0
    there = {name for name in contents(tmp_path / "a") if "/." not in name}
    assert {n: contents(tmp_path / "a")[n] for n in there} == contents(tmp_path / "b")
    assert len(PatchFolderDataset(tmp_path / "b").image_ids) == 40


def test_help_does_not_import_numpy():
    code = (
        f"import runpy, sys\nsys.argv = ['artificial.py', '--help']\ntry:\n    runpy.run_path({str(SCRIPT)!r}, "
        "run_name='__main__')\nexcept SystemExit:\n    assert 'numpy' not in sys.modules"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "artificial.py --labels few.json" in said and "Sections are cut out along their envelopes" in said


def test_errors_are_one_line_and_exit_code_2(script, tmp_path, capsys):
    assert script.main(["--labels", str(tmp_path / "no-such.json"), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "no-such.json" in error and error.count("\n") == 1
