"""The pixel size of a wafer is read from its files; the option wins, and that is said."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.commands import evaluate as evaluation
from mrcnn.domains.wafer.commands import predict as prediction
from mrcnn.domains.wafer.commands.arguments import (
    evaluate_wafer_parser,
    predict_wafer_parser,
    train_wafer_parser,
)
from mrcnn.domains.wafer.commands.pixel_size import pixel_size_um
from mrcnn.domains.wafer.patches.cut import WaferPatches, write_patches
from mrcnn.domains.wafer.patches.folders import PatchFolderDataset

sys.path.insert(0, str(Path(__file__).parent))
import wafer_scene

ANISOTROPIC = (1.25, 0.5)


def state(path, y, x, unit="um"):
    """Write the pixels of a TIFF again, with their size as ImageJ writes it."""
    pixels = tifffile.imread(path)
    tifffile.imwrite(path, pixels, imagej=True, resolution=(1 / x, 1 / y), metadata={"unit": unit})


@pytest.fixture
def wafer(tmp_path):
    """Folder with grey.tif, fluo.tif, labels.json and a weight file; the files state pixels of 0.5 um."""
    wafer_scene.write_wafer(tmp_path)
    (tmp_path / "weights.h5").write_bytes(b"")
    for name in ("grey", "fluo"):
        state(tmp_path / f"{name}.tif", 0.5, 0.5)
    return tmp_path


@pytest.fixture
def detector(monkeypatch):
    """Taught with pixels of 1 um in the network."""
    found = wafer_scene.GreySaysWhat()
    found.config.TRAINED_PIXEL_NM, found.config.TRAINED_SCALE = (1000.0, 1000.0), 1.0
    found.config.IMAGE_MIN_DIM, found.config.IMAGE_RESIZE_MODE = 0, "pad64"
    for module in (prediction, evaluation):
        monkeypatch.setattr(module, "load_detector", lambda domain, options: found)
    return found


def words(wafer, *more):
    channels = ",".join(f"{name}={wafer / f'{name}.tif'}" for name in ("grey", "fluo"))
    return ["--weights", str(wafer / "weights.h5"), "--channels", channels, "--out", str(wafer / "out"), *more]


def predicted(wafer, *more):
    options = vars(predict_wafer_parser("x").parse_args(words(wafer, "--no-zarr", *more)))
    assert prediction.predict_wafer(wafer_scene.DOMAIN, options) == 0
    return json.loads((wafer / "out" / "sections.json").read_text()), pd.read_csv(wafer / "out" / "sections.csv")


def stack_of(wafer):
    return ChannelStack(("grey", "fluo"), {name: wafer / f"{name}.tif" for name in ("grey", "fluo")})


def test_a_prediction_takes_the_size_and_the_scale_from_the_files(wafer, detector, capsys):
    content, table = predicted(wafer)
    said = capsys.readouterr()
    assert "Pixels of 0.5 um, as " in said.out and "detected at 50 % of their size" in said.out
    assert content["pixel_size_um"] == [0.5, 0.5] and content["about"]["found_at_scale"] == pytest.approx(0.5)
    assert content["about"]["object_size"] == "pixel-size" and content["about"]["tile"] == 2048
    np.testing.assert_allclose(table["tissue_x_um"], 0.5 * table["tissue_x_px"], atol=2e-3)


@pytest.mark.parametrize("given", [("--pixel-size-um", "1.02"), ("--pixel-size-nm", "1020")])
def test_the_option_wins_and_that_is_said(wafer, detector, given, capsys):
    content, table = predicted(wafer, *given)
    said = capsys.readouterr()
    assert said.err.count("states pixels of 0.5 um, and --pixel-size-um, 1.02 um, is used") == 2
    assert content["about"]["found_at_scale"] == 1 and content["pixel_size_um"] == pytest.approx([1.02, 1.02])
    np.testing.assert_allclose(table["magnet_y_um"], 1.02 * table["magnet_y_px"], atol=2e-3)


def test_without_a_size_the_scale_is_that_of_the_training_and_recorded(tmp_path, detector, capsys):
    wafer_scene.write_wafer(tmp_path)
    (tmp_path / "weights.h5").write_bytes(b"")
    content, table = predicted(tmp_path)
    assert content["pixel_size_um"] is None and content["about"]["found_at_scale"] == 1
    assert "tissue_x_um" not in table and "pixel" not in capsys.readouterr().err


@pytest.mark.parametrize("given", [(), ("--pixel-size-um", "0.5"), ("--pixel-size-nm", "500")])
def test_an_evaluation_uses_the_size_too(wafer, detector, given, capsys):
    if given:
        for name in ("grey", "fluo"):
            pixels = tifffile.imread(wafer / f"{name}.tif")
            tifffile.imwrite(wafer / f"{name}.tif", pixels)
    options = evaluate_wafer_parser("x").parse_args(words(wafer, "--labels", str(wafer / "labels.json"), *given))
    assert evaluation.evaluate_wafer(wafer_scene.DOMAIN, vars(options)) == 0
    assert "detected at 50 % of their size" in capsys.readouterr().out
    assert json.loads((wafer / "out" / "metrics.json").read_text())["found_at_scale"] == pytest.approx(0.5)
    assert "tissue_x_um" in pd.read_csv(wafer / "out" / "sections.csv")


def test_of_two_files_that_differ_the_first_counts(wafer, capsys):
    state(wafer / "fluo.tif", 0.65, 0.65)
    assert pixel_size_um(stack_of(wafer)) == pytest.approx((0.5, 0.5))
    said = capsys.readouterr().err
    assert "fluo.tif states pixels of 0.65 um, and" in said and "grey.tif, 0.5 um, is used" in said
    assert pixel_size_um(stack_of(wafer), (0.65, 0.65)) == (0.65, 0.65)
    assert "grey.tif states" in (said := capsys.readouterr().err) and "fluo.tif" not in said


def test_a_size_that_cannot_be_used_is_told(wafer, capsys):
    for name in ("grey", "fluo"):
        state(wafer / f"{name}.tif", 0.5, 0.5, "furlong")
    assert pixel_size_um(stack_of(wafer)) is None
    said = capsys.readouterr().err
    assert "grey.tif states" in said and "furlong" in said and "--pixel-size-um" in said


def test_patches_keep_the_size_for_the_training(wafer):
    for name in ("grey", "fluo"):
        state(wafer / f"{name}.tif", *ANISOTROPIC)
    stack, labels, windows = stack_of(wafer), wafer_scene.wafer_labels(), [(0, 0, 128, 192)]
    in_memory = WaferPatches(stack, labels, windows)
    write_patches(wafer / "patches", stack, labels, windows, progress=False)
    on_disk = PatchFolderDataset(wafer / "patches")
    for dataset in (in_memory, on_disk):
        assert dataset.load_instances(0).pixel_size_nm == pytest.approx((1250, 500), rel=1e-5)
        np.testing.assert_array_equal(dataset.load_image(0), stack.read(*windows[0]))


def test_large_pixels_are_not_taken_for_the_resolution_of_a_printer(wafer):
    for name in ("grey", "fluo"):
        state(wafer / f"{name}.tif", 30.0, 30.0)
    write_patches(wafer / "patches", stack_of(wafer), wafer_scene.wafer_labels(), [(0, 0, 128, 192)], progress=False)
    assert PatchFolderDataset(wafer / "patches").pixel_size_nm(0) == pytest.approx((30_000, 30_000), rel=1e-5)


def test_a_training_takes_the_option_in_either_unit():
    parser = train_wafer_parser("x")
    for given in (("--pixel-size-um", "0.5,0.25"), ("--pixel-size-nm", "500,250")):
        assert vars(parser.parse_args(given))["pixel_size_nm"] == (500, 250)
    with pytest.raises(SystemExit):
        parser.parse_args(["--pixel-size-um", "1,2,3"])
