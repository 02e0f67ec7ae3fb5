"""The command that makes artificial data sets: options, files, messages, and resuming after it was killed."""

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
QUICK = ["--train", "3", "--val", "1", "--test", "1", "--size", "150,190", "--throws", "60", "--workers", "1"]


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


def test_the_sets_are_made_from_labels_alone(script, wafer, tmp_path, capsys):
    assert script.main(["--labels", str(wafer["few"]), "--out", str(tmp_path), *QUICK]) == 0
    assert "train: 3 patches" in capsys.readouterr().out
    assert [len(PatchFolderDataset(tmp_path / name).image_ids) for name in ("train", "val", "test")] == [3, 1, 1]


def test_channels_background_and_the_other_generator(script, wafer, tmp_path):
    out = tmp_path / "pasted"
    assert (
        script.main(
            [
                "--labels",
                str(wafer["labels"]),
                "--channels",
                f"grey={wafer['grey']},fluo={wafer['fluo']}",
                "--out",
                str(out),
                "--train",
                "2",
                "--val",
                "0",
                "--test",
                "0",
                "--size",
                "150",
                "--generator",
                "paste",
                "--least-parts",
                "1",
                "--background",
                "free",
            ]
        )
        == 0
    )
    assert [p.name for p in out.iterdir()] == ["train"]
    assert PatchFolderDataset(out).load_image(0).shape == (150, 150, 2)


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


def test_help_covers_every_option_and_does_not_import_numpy(script):
    code = (
        f"import runpy, sys\nsys.argv = ['artificial.py', '--help']\ntry:\n    runpy.run_path({str(SCRIPT)!r}, "
        "run_name='__main__')\nexcept SystemExit:\n    assert 'numpy' not in sys.modules"
    )
    help_text = script.parser().format_help()
    assert all(action.help for action in script.parser()._actions)
    assert "default 900" in help_text and "default 90" in help_text and "default 50" in help_text
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--size", "10"],
        ["--size", "200,200,200"],
        ["--channels", "fluo=b.tif"],
        ["--channels", "grey=a.tif,grey=b.tif"],
        ["--channels", "a.tif"],
        ["--background", "1,2,3"],
        ["--train", "many"],
        ["--angles", "1"],
        ["--scale", "0"],
        ["--generator", "drop"],
        ["--own-sections", "--shared-sections"],
    ],
)
def test_a_mistyped_option_is_rejected_at_once(script, wrong):
    with pytest.raises(SystemExit) as stop:
        script.main(["--labels", "x.json", "--out", "y", *wrong])
    assert stop.value.code == 2


def test_errors_are_one_line(script, wafer, tmp_path, capsys):
    def error_of(*options, labels=wafer["few"]):
        assert script.main(["--labels", str(labels), "--out", str(tmp_path / "out"), *QUICK, *options]) == 2
        text = capsys.readouterr().err.strip()
        assert text.startswith("error: ") and "\n" not in text
        return text

    assert "has no effect with --generator paste" in error_of("--generator", "paste")
    assert "no-such.json" in error_of(labels=tmp_path / "no-such.json")
    assert "no-such.tif" in error_of("--channels", "grey=no-such.tif")
    alone = tmp_path / "alone.json"
    alone.write_text(wafer["few"].read_text().replace("wafer_grey.tif", "elsewhere.tif"))
    assert "elsewhere.tif, which does not exist" in error_of(labels=alone)
    (tmp_path / "elsewhere.tif").write_bytes(wafer["grey"].read_bytes())
    assert "no matching fluorescence image next to it (such as elsewhere_fluo.tif)" in error_of(labels=alone)
    assert "partly outside the image" in error_of("--background", "400,400,700,600")
