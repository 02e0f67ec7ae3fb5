"""The scripts of samples/mitochondria on a run of two steps: files, messages and exit codes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from mrcnn.commands.own_objects import SYNTHETIC

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "mitochondria"
MODULES = ("mitochondria", "train", "predict", "evaluate", "demo", "compare")
ONE_STEP = ["--set=STEPS_PER_EPOCH=1", "--set=DETECTION_MIN_CONFIDENCE=0.0"]


@pytest.fixture(scope="module")
def demo_run(sample, tiny_network, tmp_path_factory):
    """Folder and exit code of the demonstration after one training step on two images."""
    out = tmp_path_factory.mktemp("demo")
    patch = pytest.MonkeyPatch()
    for part, seed in (("train", 1), ("validation", 2), ("test", 3)):
        patch.setitem(SYNTHETIC, part, (2, seed))
    code = sample["demo"].main(["--out", str(out), "--epochs", "1", *tiny_network, *ONE_STEP])
    patch.undo()
    return out, code


@pytest.fixture(scope="module")
def run_folder(demo_run):
    return next(p.parent for p in (demo_run[0] / "run").glob("*/config.json"))


@pytest.fixture(scope="module")
def stack(sample, tmp_path_factory):
    """A stack of three synthetic pages and its ground truth."""
    folder = tmp_path_factory.mktemp("stack")
    dataset = sample["mitochondria"].DOMAIN.synthetic("test").subset([0, 1, 2])
    tifffile.imwrite(
        folder / "stack.tif", np.stack([dataset.load_image(i)[..., 0] for i in range(3)]), photometric="minisblack"
    )
    labels = np.stack([dataset.load_instances(i).to_label_image(np.uint16) for i in range(3)])
    tifffile.imwrite(folder / "truth.tif", labels, photometric="minisblack")
    return folder


def test_demo_writes_its_results_and_reports_the_low_score(demo_run):
    out, code = demo_run
    assert code == 1  # one training step does not reach the score
    names = {p.name for p in out.iterdir()}
    assert {
        "instances.csv",
        "summary.csv",
        "metrics.json",
        "curves.png",
        "history.csv",
        "unseen",
        "run",
        "threat_scores.png",
    } <= names
    for suffix in ("_labels.tif", "_overlay.png", "_beside_truth.png"):
        assert sum(n.endswith(suffix) for n in names) == 2
    assert json.loads((out / "metrics.json").read_text())["threat_score"]["0.50"] < 0.7
    assert len(pd.read_csv(out / "summary.csv")) == 2


def test_run_folder_has_everything_to_resume_and_to_predict(run_folder):
    assert {"config.json", "training.json", "history.csv", "best.h5"} <= {p.name for p in run_folder.iterdir()}
    assert json.loads((run_folder / "config.json").read_text())["BACKBONE"] == "small_resnet"


def test_resume_finds_nothing_left_and_continues_with_more_epochs(sample, demo_run, run_folder, tmp_path, capsys):
    logs = tmp_path / "logs"
    shutil.copytree(run_folder, logs / run_folder.name)
    assert sample["train"].main(["--logs", str(logs), "--resume"]) == 0
    assert "nothing is left" in capsys.readouterr().out
    assert sample["train"].main(["--logs", str(logs), "--resume", "--epochs", "2", "--no-augmentation"]) == 0
    assert "from epoch 1 to 2" in capsys.readouterr().out
    assert len(pd.read_csv(logs / run_folder.name / "history.csv")) == 2
    assert [p.name for p in logs.iterdir()] == [run_folder.name]


def test_predict_a_stack_next_to_a_broken_file(sample, run_folder, stack, tmp_path, capsys):
    (tmp_path / "broken.tif").write_bytes(b"II*\0nothing")
    out = tmp_path / "found"
    code = sample["predict"].main(
        [
            "--weights",
            str(run_folder),
            "--out",
            str(out),
            "--pixel-size-nm",
            "5",
            "--overlays",
            "1",
            str(stack / "stack.tif"),
            str(tmp_path / "broken.tif"),
        ]
    )
    assert code == 1
    assert "broken.tif" in capsys.readouterr().err
    labels = tifffile.imread(out / "stack_labels.tif")
    table = pd.read_csv(out / "instances.csv")
    assert (labels.dtype, labels.shape) == (np.uint16, (3, 256, 256))
    assert len(table) == pd.read_csv(out / "summary.csv")["count"].sum() > 0
    assert set(table["class"]) == {"mitochondrion"}
    assert table["area_um2"].to_numpy() == pytest.approx(table["area_px"].to_numpy() * 25e-6)


def test_a_lone_checkpoint_knows_its_settings_and_min_score_is_used(sample, run_folder, demo_run, tmp_path):
    shutil.copyfile(run_folder / "best.h5", tmp_path / "lone.h5")
    picture = next((demo_run[0] / "unseen" / "Images").iterdir())
    code = sample["predict"].main(
        ["--weights", str(tmp_path / "lone.h5"), "--min-score", "1", "--out", str(tmp_path / "found"), str(picture)]
    )
    assert code == 0
    assert pd.read_csv(tmp_path / "found" / "summary.csv")["count"].tolist() == [0]


def test_evaluate_on_slices_of_a_stack(sample, run_folder, stack, tmp_path, capsys):
    code = sample["evaluate"].main(
        [
            "--weights",
            str(run_folder),
            "--dataset",
            str(stack / "stack.tif"),
            "--truth",
            str(stack / "truth.tif"),
            "--slices",
            "1:3",
            "--worst",
            "1",
            "--out",
            str(tmp_path / "ev"),
        ]
    )
    assert code == 0
    assert "threat score" in capsys.readouterr().out
    assert json.loads((tmp_path / "ev" / "metrics.json").read_text())["images"] == 2
    assert len(list((tmp_path / "ev").glob("worst_1_*.png"))) == 2


@pytest.fixture(scope="module")
def unet_run(sample, tiny_unet, tmp_path_factory):
    """Folder of a U-Net trained on two images for two steps, and the output of the script."""
    logs, patch = tmp_path_factory.mktemp("unet_logs"), pytest.MonkeyPatch()
    for part, seed in (("train", 1), ("validation", 2)):
        patch.setitem(SYNTHETIC, part, (2, seed))
    code = sample["train"].main([*tiny_unet(steps=2, batch=4), "--logs", str(logs)])
    patch.undo()
    assert code == 0
    return next(logs.iterdir())


def test_train_a_unet(unet_run):
    assert unet_run.name.startswith("mitochondria_unet2")
    assert {"best.h5", "unet_mitochondria_0001.h5", "training.json", "watershed.json", "curves.png"} <= {
        p.name for p in unet_run.iterdir()
    }
    assert json.loads((unet_run / "config.json").read_text())["SEMANTIC_MODEL"] == "unet"
    assert {"accuracy", "val_foreground_iou"} < set(pd.read_csv(unet_run / "history.csv").columns)


def test_predict_and_evaluate_with_a_unet(sample, unet_run, stack, tmp_path, capsys):
    weights, out = ["--weights", str(unet_run)], str(tmp_path / "found")
    assert sample["predict"].main([*weights, "--flips", "--out", out, str(stack / "stack.tif")]) == 0
    assert tifffile.imread(tmp_path / "found" / "stack_labels.tif").shape == (3, 256, 256)
    assert len(pd.read_csv(tmp_path / "found" / "summary.csv")) == 3
    data = ["--dataset", str(stack / "stack.tif"), "--truth", str(stack / "truth.tif"), "--slices", "0:1"]
    assert sample["evaluate"].main([*weights, *data, "--out", str(tmp_path / "ev")]) == 0
    assert 0 <= json.loads((tmp_path / "ev" / "metrics.json").read_text())["foreground_iou"] <= 1


def test_a_unet_links_its_objects_in_the_slices_of_a_stack(sample, unet_run, stack, tmp_path):
    run, out = tmp_path / unet_run.name, tmp_path / "found"
    shutil.copytree(unet_run, run)
    # So low that something is found after two training steps.
    kept = json.loads((run / "watershed.json").read_text())
    (run / "watershed.json").write_text(json.dumps({**kept, "threshold": 0.01, "min_size_px": 1, "min_score": 0}))
    code = sample["predict"].main(
        [
            "--weights",
            str(run),
            "--link-slices",
            "--pixel-size-nm",
            "5",
            "--slice-distance-nm",
            "20",
            "--out",
            str(out),
            str(stack / "stack.tif"),
        ]
    )
    assert code == 0
    volume, objects = tifffile.imread(out / "stack_objects.tif"), pd.read_csv(out / "objects.csv")
    found, voxels = np.unique(volume[volume > 0], return_counts=True)
    assert len(found) == len(objects) == pd.read_csv(out / "stacks.csv")["count"].item() > 0
    assert objects["voxels"].tolist() == voxels.tolist()
    np.testing.assert_allclose(objects["volume_um3"], voxels * (0.005 * 0.005 * 0.02))


def test_resume_a_unet_with_hours(sample, unet_run, tmp_path, capsys):
    logs = tmp_path / "logs"
    shutil.copytree(unet_run, logs / unet_run.name)
    assert sample["train"].main(["--logs", str(logs), "--resume"]) == 0
    said = capsys.readouterr().out
    assert "nothing is left to train" in said and "Choosing watershed settings" not in said
    # The two steps take longer than a millisecond, wherever this runs.
    assert sample["train"].main(["--logs", str(logs), "--resume", "--hours", "1e-7"]) == 2
    assert "too short for one epoch" in capsys.readouterr().err
    assert [p.name for p in logs.iterdir()] == [unet_run.name]


def test_a_unet_killed_before_its_watershed_was_chosen_gets_one(sample, unet_run, tmp_path, monkeypatch, capsys):
    for part, seed in (("train", 1), ("validation", 2)):
        monkeypatch.setitem(SYNTHETIC, part, (2, seed))
    run = tmp_path / "logs" / unet_run.name
    shutil.copytree(unet_run, run)
    (run / "watershed.json").unlink()
    assert sample["train"].main(["--logs", str(run.parent), "--resume"]) == 0
    assert "nothing is left to train" in capsys.readouterr().out
    assert (run / "watershed.json").read_text() == (unet_run / "watershed.json").read_text()


def test_compare_a_unet_with_a_mask_rcnn(sample, run_folder, unet_run, stack, tmp_path, capsys):
    code = sample["compare"].main(
        [
            f"mask={run_folder}",
            f"unet={unet_run}",
            "--plain",
            "--dataset",
            str(stack / "stack.tif"),
            "--truth",
            str(stack / "truth.tif"),
            "--slices",
            "0:1",
            "--out",
            str(tmp_path / "both"),
        ]
    )
    assert code == 0
    table = pd.read_csv(tmp_path / "both" / "comparison.csv")
    assert table["model"].tolist() == ["mask", "unet", "unet, no watershed"]
    assert (table["seconds_per_image"] > 0).all() and (table["weights_mb"] > 0.1).all()
    assert table["foreground_iou"].between(0, 1).all()
    assert (tmp_path / "both" / "compare_stack_0000.png").is_file()
    assert "threat score at 0.50" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--network", "unet", "--full"], "--preset full is a size of Mask R-CNN"),
        (["--network", "fcn", "--weights", "coco"], "--weights coco is a Mask R-CNN"),
        (["--network", "unet", "--hours", "1", "--epochs", "2"], "give one of them"),
    ],
)
def test_incompatible_options(sample, options, message, tmp_path, capsys):
    assert sample["train"].main([*options, "--backbone", "small_resnet", "--logs", str(tmp_path / "logs")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("script", ["predict", "evaluate"])
def test_missing_weights_are_one_line_and_exit_code_2(sample, script, tmp_path, capsys):
    images = [str(tmp_path / "a.tif")] if script == "predict" else []
    assert sample[script].main(["--weights", str(tmp_path / "nothing"), "--out", str(tmp_path / "out"), *images]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "nothing" in error


def test_train_without_a_usable_object_is_an_error(sample, tiny_network, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((2, 64, 64), np.uint8), photometric="minisblack")
    shutil.copyfile(tmp_path / "s.tif", tmp_path / "t.tif")
    code = sample["train"].main(
        [
            "--dataset",
            str(tmp_path / "s.tif"),
            "--truth",
            str(tmp_path / "t.tif"),
            "--validation",
            "0",
            "--small",
            "--logs",
            str(tmp_path / "logs"),
            *tiny_network,
            *ONE_STEP,
        ]
    )
    assert code == 2
    assert "Label some objects" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["train", "predict", "evaluate", "demo", "compare", "tune", "learning_curve"])
def test_help_is_complete_and_imports_no_framework(script):
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        f"try:\n    runpy.run_path({str(SAMPLE / (script + '.py'))!r}, run_name='__main__')\n"
        "except SystemExit as stop:\n    print('code', stop.code, *sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert not {"keras", "tensorflow", "numpy"} & set(said.split())
    assert "code 0" in said
    wanted = {
        "train": "--network --hours --dataset --truth --weights --backbone --epochs --steps --layers --logs "
        "--resume --seed --set",
        "predict": "--weights --out --pixel-size-nm --min-score IMAGES",
        "demo": "--out",
        "evaluate": "--weights --dataset --truth --out",
        "compare": "NAME=RUN --dataset --truth --plain --out",
        "tune": "--network --search --trials --search-hours --workers --monitor --out",
        "learning_curve": "--network --hours --images --seeds --blocks --test-slices --out",
    }[script]
    assert all(name in said for name in wanted.split())


def test_settings_of_the_seed_system(sample):
    config = sample["mitochondria"].MitochondriaConfig()
    config.validate(["BG", "mitochondrion"])
    assert (config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM, config.BATCH_SIZE) == (816, 1216, 1)
    assert config.BACKBONE == "resnet101"
    assert tuple(config.RPN_ANCHOR_SCALES) == (16, 32, 64, 128, 256)
    assert config.TRAIN_ROIS_PER_IMAGE == 100
    for name in ("MitochondriaSmallConfig", "DemoConfig"):
        getattr(sample["mitochondria"], name)().validate(["BG", "mitochondrion"])


def test_dataset_keeps_its_images_through_a_subset(sample, stack):
    dataset = sample["mitochondria"].MitochondriaDataset(stack / "stack.tif", stack / "truth.tif", pixel_size_nm=5)
    last = dataset.subset([2])
    assert np.array_equal(last.load_image(0), dataset.load_image(2))
    assert len(last.load_instances(0)) == len(dataset.load_instances(2)) > 0
    assert last.pixel_size_nm(0) == (5.0, 5.0)
    assert last.image_reference(0).endswith("page 2")
    assert last.class_names == ["BG", "mitochondrion"]
    assert last.image_shape(0)[:2] == (256, 256)
