"""The prediction and evaluation scripts of samples/wafer_sections: help, errors, and runs with a real network."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "wafer_sections"
MODULES = ("wafer_sections", "predict", "evaluate")


@pytest.fixture(scope="module")
def run_folder(sample, tmp_path_factory, quick_compiles):
    """Weights and settings of a run with a small untrained network."""
    from mrcnn.engine.mask_rcnn import MaskRCNN

    config = sample["wafer_sections"].WaferSmallConfig()
    for name, value in {
        "IMAGE_MIN_DIM": 64,
        "IMAGE_MAX_DIM": 64,
        "TOP_DOWN_PYRAMID_SIZE": 8,
        "RPN_CONV_SIZE": 8,
        "FPN_CLASSIF_FC_LAYERS_SIZE": 16,
        "MASK_HEAD_SIZE": 8,
        "POST_NMS_ROIS_INFERENCE": 20,
        "DETECTION_MAX_INSTANCES": 8,
    }.items():
        setattr(config, name, value)
    folder = tmp_path_factory.mktemp("run")
    MaskRCNN("inference", config, folder).save_weights(folder / "best.h5")
    config.to_json(folder / "config.json")
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Value of --channels for a wafer of 100 x 130 pixels."""
    folder = tmp_path_factory.mktemp("images")
    for name in ("grey", "fluo"):
        tifffile.imwrite(folder / f"{name}.tif", np.random.default_rng(0).integers(0, 255, (100, 130)).astype(np.uint8))
    return f"grey={folder / 'grey.tif'},fluo={folder / 'fluo.tif'}"


def test_predict_with_a_network(sample, run_folder, images, tmp_path, capsys):
    out = tmp_path / "found"
    arguments = [
        "--weights",
        str(run_folder),
        "--channels",
        images,
        "--out",
        str(out),
        "--tile",
        "64",
        "--overlap",
        "16",
        "--min-score",
        "0",
        "--scale",
        "3",
        "--pixel-size-um",
        "0.5",
        "--batch",
        "2",
        "--no-zarr",
    ]
    assert sample["predict"].main(arguments) == 0
    table = pd.read_csv(out / "sections.csv")
    assert list(table.columns[:9]) == [
        "section_id",
        "tissue_x_px",
        "tissue_y_px",
        "tissue_angle_deg",
        "tissue_score",
        "magnet_x_px",
        "magnet_y_px",
        "magnet_angle_deg",
        "magnet_score",
    ]
    content = json.loads((out / "sections.json").read_text())
    assert content["counts"]["sections"] == len(table) > 0
    assert (content["image_height_px"], content["image_width_px"]) == (100, 130)
    assert (out / "sections_overlay.png").is_file()


def test_evaluate_with_a_network(sample, run_folder, images, tmp_path):
    labels = {
        "imagePath": "grey.tif",
        "imageHeight": 100,
        "imageWidth": 130,
        "shapes": [
            {"label": f"{part}-1", "points": [[20, y], [60, y], [60, y + 18], [20, y + 18]]}
            for part, y in (("tissue", 20), ("magnet", 40))
        ],
    }
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    code = sample["evaluate"].main(
        [
            "--weights",
            str(run_folder),
            "--channels",
            images,
            "--labels",
            str(tmp_path / "labels.json"),
            "--out",
            str(tmp_path / "out"),
            "--tile",
            "64",
            "--overlap",
            "16",
            "--min-score",
            "1",
        ]
    )
    assert code == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["sections_true"], metrics["missed"]) == (1, 1)


@pytest.mark.parametrize("script", ["predict", "evaluate"])
def test_missing_weights_give_a_one_line_error_and_exit_code_2(sample, script, images, tmp_path, capsys):
    more = ["--channels", images] if script == "predict" else []
    assert sample[script].main(["--weights", str(tmp_path / "nothing"), "--out", str(tmp_path / "out"), *more]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "nothing" in said and said.count("\n") == 1


def test_a_missing_image_gives_a_one_line_error_and_exit_code_2(sample, run_folder, tmp_path, capsys):
    code = sample["predict"].main(
        [
            "--weights",
            str(run_folder),
            "--out",
            str(tmp_path / "out"),
            "--no-zarr",
            "--channels",
            f"grey={tmp_path / 'absent.tif'},fluo={tmp_path / 'absent.tif'}",
        ]
    )
    assert code == 2
    said = capsys.readouterr().err
    assert "absent.tif" in said and said.count("error:") == 1 and "Traceback" not in said


@pytest.mark.parametrize("script", ["predict", "evaluate"])
def test_help_is_complete_and_imports_no_framework(script):
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        f"try:\n    runpy.run_path({str(SAMPLE / (script + '.py'))!r}, run_name='__main__')\n"
        "except SystemExit as stop:\n    print('code', stop.code, *sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert not {"keras", "tensorflow", "numpy"} & set(said.split())
    assert "code 0" in said
    both = (
        "--weights --config --min-score --set --channels --order --out --tile --overlap --rule --batch --dask --resume"
    )
    wanted = {"predict": "--scale --pixel-size-um --no-zarr", "evaluate": "--dataset --labels --labels-scale --worst"}
    assert all(name in said for name in (*both.split(), *wanted[script].split()))
