"""One's own objects: settings from the data, and train, predict and evaluate without a line of Python."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile

from mrcnn.__main__ import main
from mrcnn.commands.datasets import fitted_data
from mrcnn.commands.own_objects import DOMAIN, MOST_OBJECTS, find_classes, fit_settings, synthetic
from mrcnn.commands.training_choice import training_options
from mrcnn.data.readers.open import open_any
from mrcnn.geometry.instances import Instances
from mrcnn.presets.micrographs import MicrographSmallConfig


def write_cells(folder, count=6, side=64, channels=1, seed=0):
    """Images with a cell, which is bright, and its nucleus, which is brighter; a folder of label images per class."""
    rng = np.random.default_rng(seed)
    for name in ("images", "labels/nucleus", "labels/cell"):
        (folder / name).mkdir(parents=True)
    for i in range(count):
        y, x = rng.integers(4, side - 36, 2)
        cell, nucleus = np.zeros((2, side, side), np.uint8)
        cell[y : y + 30, x : x + 28], nucleus[y + 8 : y + 20, x + 8 : x + 20] = 1, 1
        image = np.clip(30 + 80 * cell + 90 * nucleus + rng.normal(0, 5, cell.shape), 0, 255).astype(np.uint8)
        image = image if channels == 1 else np.stack([image] * channels, axis=-1)
        options = {} if channels == 1 else {"photometric": "rgb"}
        tifffile.imwrite(
            folder / "images" / f"{i}.tif", image, resolution=(2e6, 2e6), resolutionunit="CENTIMETER", **options
        )
        tifffile.imwrite(folder / "labels" / "cell" / f"{i}.tif", cell)
        tifffile.imwrite(folder / "labels" / "nucleus" / f"{i}.tif", nucleus)
    return folder


# --- Settings from the data ---
def test_classes_come_from_the_data(tmp_path):
    folder = write_cells(tmp_path, 1)
    assert find_classes(folder) == ["cell", "nucleus"]
    assert find_classes(folder, None, {"classes": ["nucleus", "cell"]}) == ["nucleus", "cell"]


@pytest.mark.parametrize("preset", ["small", "full"])
@pytest.mark.parametrize(("channels", "options", "expected"), [(3, (), 3), (4, (), 3), (4, [("channels", 4)], 4)])
def test_images_are_trained_with_all_their_channels(tmp_path, preset, channels, options, expected):
    """A fourth channel counts as alpha unless --dataset-option channels=4 asks for it."""
    folder = write_cells(tmp_path, 5, channels=channels)
    given = {"dataset": str(folder), "size": preset, "dataset_option": options}
    config, train, validation = fitted_data(DOMAIN, training_options(DOMAIN, given).with_defaults())
    assert config.IMAGE_CHANNEL_COUNT == expected and np.shape(config.MEAN_PIXEL) == (expected,)
    assert {data.load_image(i).shape[2] for data in (train, validation) for i in data.image_ids} == {expected}
    config.validate(train.class_names)


def test_two_channels(tmp_path):
    folder = write_cells(tmp_path, 2)
    for path in (folder / "images").iterdir():
        image = tifffile.imread(path)
        tifffile.imwrite(path, np.stack([image, image]), imagej=True, metadata={"axes": "CYX"})
    options = training_options(DOMAIN, {"dataset": str(folder), "size": "small", "validation": 0})
    config, train, _ = fitted_data(DOMAIN, options.with_defaults())
    assert config.IMAGE_CHANNEL_COUNT == train.load_image(0).shape[2] == 2


def test_settings_fit_the_classes(tmp_path):
    dataset, config = open_any(write_cells(tmp_path, 2)), MicrographSmallConfig()
    fit_settings(config, dataset)
    assert (config.NUM_CLASSES, config.CLASS_NAMES) == (3, ("BG", "cell", "nucleus"))
    assert config.IMAGE_CHANNEL_COUNT == 1 and MicrographSmallConfig().NUM_CLASSES == 2
    config.validate(dataset.class_names)


def test_grey_images_stay_repeated_for_pretrained_weights(tmp_path):
    config = DOMAIN.configs["full"]()
    fit_settings(config, open_any(write_cells(tmp_path, 1)))
    assert config.IMAGE_CHANNEL_COUNT == 3


@pytest.mark.parametrize(("objects", "truth", "found"), [(5, 100, 100), (300, 300, 450), (5000, 1000, 1000)])
def test_room_for_the_objects_of_the_fullest_image(tmp_path, objects, truth, found):
    dataset = open_any(write_cells(tmp_path, 2))
    boxes = np.tile([[0, 0, 1, 1]], (objects, 1))
    many = Instances((64, 64), boxes, np.ones(objects, int), None, [np.ones((1, 1), bool)] * objects)
    dataset.load_instances = lambda image_id: many if image_id == 1 else many.select([])
    config = MicrographSmallConfig(MAX_GT_INSTANCES=100, DETECTION_MAX_INSTANCES=100)
    fit_settings(config, dataset)
    assert (config.MAX_GT_INSTANCES, config.DETECTION_MAX_INSTANCES) == (truth, found)
    assert MOST_OBJECTS == 1000


def test_the_synthetic_sets_have_no_image_in_common():
    images = [synthetic(part).load_image(0).tobytes() for part in ("train", "validation", "test")]
    assert len(set(images)) == 3


# --- The commands ---
SETTINGS = {
    "IMAGE_MIN_DIM": 64,
    "IMAGE_MAX_DIM": 64,
    "TOP_DOWN_PYRAMID_SIZE": 8,
    "RPN_CONV_SIZE": 8,
    "MASK_HEAD_SIZE": 8,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 16,
    "POST_NMS_ROIS_TRAINING": 20,
    "POST_NMS_ROIS_INFERENCE": 20,
    "TRAIN_ROIS_PER_IMAGE": 8,
    "IMAGES_PER_GPU": 1,
    "VALIDATE_EVERY": 0,
    "DETECTION_MIN_CONFIDENCE": 0,
    "PRECISION": "float32",
}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    return write_cells(tmp_path_factory.mktemp("cells"))


@pytest.fixture(scope="module")
def run(cells, tmp_path_factory):
    """The folder of a run of two steps on cells and nuclei."""
    logs = tmp_path_factory.mktemp("logs")
    options = ["--dataset", cells, "--preset", "demo", "--epochs", 1, "--steps", 2, "--logs", logs]
    options += ["--no-augmentation", *(f"--set={name}={value}" for name, value in SETTINGS.items())]
    assert main(["train", *map(str, options)]) == 0
    (folder,) = logs.iterdir()
    return folder


def test_a_run_records_classes_scale_and_sizes(run):
    settings = json.loads((run / "config.json").read_text())
    assert settings["CLASS_NAMES"] == ["BG", "cell", "nucleus"] and settings["NUM_CLASSES"] == 3
    assert settings["TRAINED_SCALE"] == 1 and settings["TRAINED_PIXEL_NM"] == pytest.approx([5, 5])
    low, median, high = settings["TRAINED_OBJECT_PX"]
    nucleus, cell = 2 * np.sqrt(144 / np.pi), 2 * np.sqrt(840 / np.pi)
    assert nucleus * 0.99 <= low <= median <= high <= cell * 1.01
    assert settings["IMAGE_CHANNEL_COUNT"] == 1


def test_predict_names_the_classes_of_the_run_and_tiles_what_is_large(run, cells, tmp_path, capsys):
    image = tifffile.imread(cells / "images" / "0.tif")
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "large.tif", np.tile(image, (2, 2)))
    tifffile.imwrite(tmp_path / "in" / "small.tif", image)
    out = tmp_path / "out"
    assert main(["predict", "--weights", str(run), "--out", str(out), str(tmp_path / "in")]) == 0
    table, summary = pd.read_csv(out / "instances.csv"), pd.read_csv(out / "summary.csv")
    assert set(table["class"]) <= {"cell", "nucleus"} and len(table)
    assert dict(zip(summary["image"], summary["image_area_px"])) == {"large.tif": 128 * 128, "small.tif": 64 * 64}
    assert tifffile.imread(out / "large_labels.tif").shape == (128, 128)
    assert (out / "large_overlay.png").exists() and not (out / "tiles").exists()
    assert "does not record the scale" not in capsys.readouterr().out


def test_evaluate_counts_the_classes_of_the_run(run, cells, tmp_path):
    out = tmp_path / "evaluation"
    assert main(["evaluate", "--weights", str(run), "--dataset", str(cells), "--out", str(out), "--limit", "2"]) == 0
    text = (out / "metrics.json").read_text()
    assert "cell" in text and "nucleus" in text


def test_faster_rcnn_writes_boxes_and_refuses_masks_in_one_line(cells, tmp_path, capsys):
    options = ["--dataset", cells, "--preset", "demo", "--network", "faster", "--epochs", 1, "--steps", 1]
    options += ["--no-augmentation", "--logs", tmp_path / "logs", *(f"--set={n}={v}" for n, v in SETTINGS.items())]
    assert main(["train", *map(str, options)]) == 0
    (run,) = (tmp_path / "logs").iterdir()
    assert json.loads((run / "config.json").read_text())["USE_MASK_HEAD"] is False
    image, out = str(cells / "images" / "0.tif"), str(tmp_path / "out")
    capsys.readouterr()
    assert main(["predict", "--weights", str(run), "--write", "labels,instances", "--out", out, image]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(said) == 1 and "--write labels: this model is a Faster R-CNN" in said[0]
    assert main(["predict", "--weights", str(run), "--out", out, image]) == 0
    table = pd.read_csv(tmp_path / "out" / "instances.csv")
    assert set(table["class"]) <= {"cell", "nucleus"} and "area_px" not in table.columns
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "0_overlay.png",
        "detections.json",
        "instances.csv",
        "summary.csv",
        "written_by_mrcnn.json",
    }


def test_options_of_a_data_set_without_one(capsys):
    assert main(["train", "--classes", "a,b"]) == 2
    assert "error: --classes without --dataset" in capsys.readouterr().err
