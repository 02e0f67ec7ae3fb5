"""Descriptions of runs, weight files and settings."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mrcnn.commands.info import describe
from mrcnn.errors import ConfigError, DataError, WeightsError
from mrcnn.weights.files import open_weights, write_legacy_group, written_whole
from mrcnn.weights.load import save_weights


@pytest.mark.parametrize(
    ("kind", "network", "epoch", "loss"),
    [
        ("mask", "Mask R-CNN", 3, 2.2006),
        ("faster", "Faster R-CNN", 2, 1.668),
        ("unet", "U-Net", 8, None),
        ("fcn", "FCN", 8, None),
    ],
)
def test_runs(kind, network, epoch, loss, stored_run):
    folder = stored_run(kind)
    found, errors = describe(folder)
    assert errors == [] and (found["kind"], found["network"], found["class_count"]) == ("weights", network, 1)
    assert (found["backbone"], found["channels"], found["classes"], found["objects"]) == ("backbone", 1, None, None)
    assert (found["trained"]["epochs"], found["trained"]["planned"], found["epoch"]) == (8, 8, epoch)
    best = found["trained"]["best_validation_loss"]
    assert best is None if loss is None else (best["epoch"] == epoch and best["value"] == pytest.approx(loss, abs=1e-3))
    with open_weights(folder / "best.h5") as arrays:
        assert found["parameters"] == sum(array.read().size for array in arrays)
    assert found["predict"] == f"mrcnn predict --weights {folder} IMAGES"
    assert found["notes"] == []


def test_what_a_run_knows_of_its_objects(stored_run, shown):
    folder = stored_run(CLASS_NAMES=["BG", "mitochondrion"], PIXEL_SIZE_NM=[5, 8])
    _, rows, _ = shown(folder)
    assert (rows["classes"], rows["pixel size"]) == ("mitochondrion", "5 nm x 8 nm (height x width) (PIXEL_SIZE_NM)")
    assert "objects" not in rows
    sizes = {"TRAINED_OBJECT_PX": [10, 20, 40], "TRAINED_SCALE": 1.0, "TRAINED_PIXEL_NM": [100, 100]}
    _, rows, _ = shown(stored_run("faster", **sizes))
    assert rows["objects"] == "diameter 20 pixels (half of them 10 to 40), 2 um (1 um to 4 um) in training"


def test_objects_that_the_settings_record_are_in_pixels_of_the_images(stored_run):
    found, _ = describe(stored_run(TRAINED_OBJECT_PX=[5, 10, 15], TRAINED_SCALE=0.5, TRAINED_PIXEL_NM=[8, 8]))
    assert found["objects"]["diameter_px"]["quartiles"] == [10, 20, 30]
    assert found["objects"]["pixel_size_nm"] == [4, 4]


def test_a_folder_of_runs_is_its_newest_run(stored_run, shown):
    stored_run("faster")
    newest = stored_run("mask")
    (newest / "best.h5").touch()
    code, rows, _ = shown(newest.parent)
    assert code == 0 and rows["what"] == "folder of 2 runs; the newest, mask:"
    assert rows["network"] == "Mask R-CNN" and rows["to predict"] == f"mrcnn predict --weights {newest} IMAGES"


def test_a_run_that_was_stopped_before_its_first_checkpoint(stored_run, shown):
    folder = stored_run()
    for path in [*folder.glob("*.h5"), folder / "history.csv"]:
        path.unlink()
    code, rows, _ = shown(folder)
    assert code == 0 and rows["what"] == "run of a training, stopped before its first checkpoint"
    assert rows["training"] == "0 of 8 epochs done" and "to predict" not in rows


def test_a_checkpoint_away_from_its_run_holds_its_settings(stored_run, tmp_path):
    moved = Path(shutil.copy(stored_run() / "best.h5", tmp_path / "away.h5"))
    found, _ = describe(moved)
    assert (found["network"], found["backbone"], found["epoch"]) == ("Mask R-CNN", "backbone", 3)
    assert found["predict"] == f"mrcnn predict --weights {moved} IMAGES"
    assert "trained" not in found


def test_a_checkpoint_of_a_run_is_not_the_one_that_the_folder_stands_for(stored_run):
    last = stored_run() / "mask_rcnn_stored_0008.h5"
    found, _ = describe(last)
    assert found["epoch"] == 8 and found["predict"] == f"mrcnn predict --weights {last} IMAGES"


def test_a_settings_file(stored_run, shown):
    code, rows, _ = shown(stored_run() / "config.json")
    assert code == 0 and rows["what"] == "settings of a network" and rows["network"] == "Mask R-CNN"


@pytest.mark.parametrize("suffix", [".h5", ".npz"])
def test_weights_without_settings(suffix, small, tmp_path, shown):
    path, model = tmp_path / f"coco weights{suffix}", small(channels=4, classes=6)
    if suffix == ".h5":
        save_weights(model, path)
    else:
        with_names = {w.path.replace("rpn_model/", ""): np.asarray(w) for w in model.weights}
        np.savez(path, **with_names)
    found, _ = describe(path)
    assert found["settings"] is None and (found["network"], found["class_count"]) == ("Faster R-CNN", 5)
    assert found["channels"] == 4
    assert found["layers"] == 5 and found["parameters"] == sum(int(np.prod(w.shape)) for w in model.weights)
    _, rows, _ = shown(path)
    assert rows["what"] == "weight file without settings"
    assert rows["to predict"] == f"mrcnn predict --weights '{path}' --config SETTINGS.json IMAGES"


@pytest.mark.parametrize(
    ("layers", "backbone"),
    [
        (("res2a_branch2a", "res4f_branch2a"), "resnet50"),
        (("res2a_branch2a", "res4f_branch2a", "res4w_branch2a"), "resnet101"),
    ],
)
def test_weights_of_imagenet(layers, backbone, tmp_path, shown):
    entries = [(name, [(name, "kernel", np.zeros((1, 1, 64, 2), np.float32))]) for name in layers]
    entries.insert(0, ("conv1", [("conv1", "kernel", np.zeros((7, 7, 3, 64), np.float32))]))
    with written_whole(tmp_path / "notop.h5") as file:
        write_legacy_group(file, entries)
    _, rows, _ = shown(tmp_path / "notop.h5")
    assert (rows["network"], rows["backbone"]) == ("ResNet backbone without heads", backbone)
    assert rows["image channels"] == "3" and "to predict" not in rows


def test_settings_that_do_not_fit_their_weights(stored_run):
    found, _ = describe(stored_run(NUM_CLASSES=4, IMAGE_CHANNEL_COUNT=3, MEAN_PIXEL=[1, 2, 3]))
    assert len(found["notes"]) == 2
    assert "3 classes, but the weights 1" in found["notes"][0] and "but the weights 1" in found["notes"][1]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("best.h5", b"\x89HDF\r\n\x1a\n", WeightsError),
        ("best.h5", b"", WeightsError),
        ("config.json", b'{"NUM_CLAS', ConfigError),
        ("history.csv", b"epoch,loss\nx,1\n", DataError),
        ("training.json", b"[1]", DataError),
    ],
)
def test_a_damaged_file_of_a_run_is_named(name, content, error, stored_run):
    folder = stored_run()
    (folder / name).write_bytes(content)
    with pytest.raises(error, match=name):
        describe(folder)
