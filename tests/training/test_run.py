"""Training of a tiny network: stages, records, refusals, and that it learns."""

import csv
import math
import re

import keras
import numpy as np
import pytest

from mrcnn.config import LOSS_NAMES
from mrcnn.data.dataset import Dataset
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.errors import ConfigError, DataError, MrcnnError
from mrcnn.training.checkpoints import read_progress


class SomeEmpty(ShapesDataset):
    """Shapes only in every second image."""

    def load_shapes(self, count, height=64, width=64, seed=0):
        super().load_shapes(count, height, width, seed)
        for info in self.image_info[1::2]:
            info["shapes"] = []


def shapes(count, seed=0, kind=ShapesDataset):
    dataset = kind()
    dataset.load_shapes(count, 64, 64, seed)
    dataset.prepare()
    return dataset


def values_of(model):
    return {w.path: keras.ops.convert_to_numpy(w).copy() for w in model.weights}


def changed(before, after):
    return {path.split("/")[0] for path in before if not np.array_equal(before[path], after[path])}


class Count(keras.callbacks.Callback):
    """Records what is called, and with which measures."""

    def __init__(self):
        super().__init__()
        self.steps, self.logs = 0, []

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))


@pytest.fixture(scope="module")
def config(tiny):
    return lambda **overrides: tiny.config(**{"NUM_CLASSES": 4, "STEPS_PER_EPOCH": 3, "SEED": 1, **overrides})


@pytest.fixture(scope="module")
def run(tmp_path_factory, config):
    """Three stages of a training with all options enabled, and the results of each."""
    detector = MaskRCNN("training", config(VALIDATION_IMAGES=2), tmp_path_factory.mktemp("logs"))
    weights, count, histories = [values_of(detector.keras_model)], Count(), []
    train, validation = shapes(5, kind=SomeEmpty), shapes(3, seed=1)
    for layers, epochs in (("heads", 1), ("heads+stage5", 2), ("all", 3)):
        histories.append(detector.train(train, validation, 0.01, epochs, layers, custom_callbacks=[count], verbose=0))
        weights.append(values_of(detector.keras_model))
    return detector, histories, weights, count


def test_the_total_is_the_sum_of_its_parts_after_every_stage(run):
    rows = run[1][-1]
    assert [r["epoch"] for r in rows] == [1, 2, 3]
    for row in rows:
        for prefix in ("", "val_"):
            parts = [row[prefix + name] for name in LOSS_NAMES]
            assert all(p >= 0 for p in parts) and sum(parts) > 0
            assert row[prefix + "loss"] == pytest.approx(sum(parts), rel=1e-5)


def test_epochs_is_the_total(run, capsys):
    detector, histories, _, count = run
    assert [len(h) for h in histories] == [1, 2, 3] and detector.epoch == 3 and count.steps == 9
    again = detector.train(shapes(5), None, 0.01, 3, "all", verbose=0)
    assert again == histories[-1] and "nothing is left to train" in capsys.readouterr().out


def test_only_the_chosen_layers_change(run):
    _, _, weights, _ = run
    heads, deeper, everything = (changed(a, b) for a, b in zip(weights, weights[1:]))
    assert heads and all(n.startswith(("mrcnn_", "rpn_", "fpn_")) for n in heads)
    assert "stage5" in deeper and not deeper & {"stage1", "stage2", "stage4"}
    assert {f"stage{i}" for i in range(1, 6)} <= everything


def test_measures_on_the_validation_images_reach_all_callbacks(run):
    _, histories, _, count = run
    for name in ("val_threat_score", "val_ap50", "val_foreground_iou"):
        assert all(0 <= logs[name] <= 1 for logs in count.logs if not math.isnan(logs[name]))
        assert name in histories[-1][0]


def test_files_of_a_run(run):
    detector = run[0]
    names = {p.name for p in detector.log_dir.iterdir()}
    assert names == {
        "best.h5",
        "config.json",
        "curves.png",
        "history.csv",
        "mask_rcnn_tiny_0002.h5",
        "mask_rcnn_tiny_0003.h5",
        "tensorboard",
    }
    assert detector.checkpoint_path == str(detector.log_dir / "mask_rcnn_tiny_0003.h5") == detector.find_last()
    with open(detector.log_dir / "history.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]
    progress = read_progress(detector.log_dir / "best.h5")
    assert progress.monitor == "val_threat_score" and 1 <= progress.epoch <= 3


def test_tensorboard_has_losses_and_images(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run[0].log_dir / "tensorboard")).Reload()
    tags = found.Tags()
    names = {*tags["tensors"], *tags["scalars"], *tags["images"]}
    assert {"loss", *LOSS_NAMES, "val_loss", "val_ap50"} <= names
    assert {f"validation_{i}_truth_and_prediction" for i in range(2)} <= names


def test_the_trained_model_detects_like_a_new_one_with_its_weights(run, config, tmp_path):
    detector = run[0]
    fresh = MaskRCNN("inference", config(), detector.model_dir)
    fresh.load_weights(detector.checkpoint_path, verbose=0)
    assert fresh.epoch == 3 and fresh.log_dir == detector.log_dir
    # After such a short training, everything may be background.
    bias = next(w for w in detector.keras_model.weights if w.path == "mrcnn_class_logits/bias")
    trained = keras.ops.convert_to_numpy(bias).copy()
    bias.assign(trained - [100, 0, 0, 0])
    detector.save_weights(tmp_path / "w.h5")
    fresh.load_weights(tmp_path / "w.h5", verbose=0)
    images = [shapes(3, seed=2).load_image(i) for i in range(3)]
    ours, theirs = detector.predict(images), fresh.predict(images)
    bias.assign(trained)
    assert sum(map(len, ours)) > 0
    for found, other in zip(ours, theirs):
        np.testing.assert_array_equal(found.boxes, other.boxes)
        np.testing.assert_array_equal(found.class_ids, other.class_ids)
        np.testing.assert_allclose(found.scores, other.scores, atol=1e-6)
        assert all(np.array_equal(a, b) for a, b in zip(found.masks, other.masks))


def test_a_training_from_an_earlier_checkpoint_keeps_the_later_ones(run, config, tmp_path):
    detector = run[0]
    before = {p.name: p.read_bytes() for p in detector.log_dir.glob("*.h5")}
    other = MaskRCNN("training", config(VALIDATE_EVERY=0, STEPS_PER_EPOCH=1), detector.model_dir)
    other.load_weights(detector.log_dir / "mask_rcnn_tiny_0002.h5", verbose=0)
    assert (other.epoch, other.log_dir) == (2, detector.log_dir)
    history = other.train(shapes(2), None, 0.01, 3, "heads", verbose=0)
    assert other.log_dir != detector.log_dir and len(history) == 1
    assert {p.name: p.read_bytes() for p in detector.log_dir.glob("*.h5")} == before


# --- Refusals, before anything is trained or written ---
class Empty(Dataset):
    def load_image(self, image_id):
        return np.zeros((64, 64, 3), np.uint8)


def empty(count):
    dataset = Empty()
    for i in range(3):
        dataset.add_class("s", i + 1, f"class {i}")
    for i in range(count):
        dataset.add_image("s", i, f"image_{i}.png")
    dataset.prepare()
    return dataset


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"train_dataset": empty(4)}, MrcnnError, "nor any other of the 4 images of Empty has an object"),
        ({"train_dataset": empty(0)}, MrcnnError, "has no images"),
        ({"layers": "head"}, ConfigError, "matches no layer"),
        ({"epochs": 0}, ConfigError, "epochs must be a whole number"),
        ({"epochs": 2.5}, ConfigError, "epochs must be a whole number"),
        ({"learning_rate": 0}, ConfigError, "learning_rate must be a positive number"),
        ({"learning_rate": math.nan}, ConfigError, "learning_rate must be a positive number"),
        ({"learning_rate": "0.1"}, ConfigError, "learning_rate must be a positive number"),
        ({"verbose": "loud"}, ConfigError, "verbose must be 'auto', 0"),
    ],
)
def test_invalid_trainings_are_refused_first(change, error, message, config, tmp_path):
    detector = MaskRCNN("training", config(), tmp_path / "logs")
    call = {"train_dataset": shapes(2), "val_dataset": None, "learning_rate": 0.01, "epochs": 1, "layers": "heads"}
    with pytest.raises(error, match=message):
        detector.train(**{**call, **change})
    assert not (tmp_path / "logs").exists()


def test_classes_that_do_not_agree(config, tmp_path):
    detector = MaskRCNN("training", config(NUM_CLASSES=3), tmp_path)
    with pytest.raises(ConfigError, match="NUM_CLASSES is 3, but the data set has 4 classes"):
        detector.train(shapes(2), None, 0.01, 1, "heads")


def test_modes(config, tmp_path):
    with pytest.raises(ConfigError, match="mode must be 'training' or 'inference', not 'train'"):
        MaskRCNN("train", config(), tmp_path)
    detector = MaskRCNN("inference", config(), tmp_path)
    with pytest.raises(ConfigError, match="made for inference"):
        detector.train(shapes(2), None, 0.01, 1, "heads")
    with pytest.raises(ConfigError, match="made for inference"):
        detector.resume()


def test_nothing_to_resume(config, tmp_path):
    detector = MaskRCNN("training", config(), tmp_path)
    assert detector.resume() is False and detector.resume(tmp_path) is False
    with pytest.raises(FileNotFoundError, match="holds no checkpoint of a run named 'tiny'"):
        detector.find_last()
    detector.save_weights(tmp_path / "w.h5")
    with pytest.raises(Exception, match="no state of a training to resume"):
        detector.resume(tmp_path / "w.h5")


# --- Images and rates that break a training ---
class Poisoned(ShapesDataset):
    """The fourth image contains NaN."""

    def load_image(self, image_id):
        image = super().load_image(image_id)
        return image if self.image_info[image_id]["id"] != "shapes_0_0003" else np.full(image.shape, np.nan)

    def image_reference(self, image_id):
        return self.image_info[image_id]["id"]


def test_broken_images_and_rates_stop_with_names_and_leave_the_checkpoint(config, tmp_path, capsys):
    settings = config(STEPS_PER_EPOCH=2, IMAGES_PER_GPU=1)
    detector = MaskRCNN("training", settings, tmp_path)
    train = shapes(6)
    detector.train(train, None, 0.01, 1, "heads", verbose=0)
    assert capsys.readouterr().out == ""
    before = {p.name: p.read_bytes() for p in detector.log_dir.glob("*.h5")}

    with pytest.raises(DataError, match=r"image 3.*NaN") as caught:
        detector.train(shapes(6, kind=Poisoned), None, 0.01, 9, "heads", verbose=0)
    assert not isinstance(caught.value.__cause__, Exception)
    later = {p.name: p.read_bytes() for p in detector.log_dir.glob("*.h5")}
    assert detector.epoch == read_progress(detector.find_last()).epoch
    assert all(later[name] == before[name] for name in before if name in later and name != "best.h5")

    with pytest.raises(
        DataError, match=r"made the network diverge in epoch .*lower the learning rate.*intact"
    ) as caught:
        detector.train(train, None, 1e30, 20, "heads", verbose=0)
    assert caught.value.path in {"".join(train.image_reference(i)) for i in train.image_ids}
    assert {p.name: p.read_bytes() for p in detector.log_dir.glob("*.h5")} == later


def test_what_a_user_sees(config, tmp_path, capsys):
    """A log file has one line per epoch; a terminal also has a bar, which disappears when the epoch is over."""
    settings = config(STEPS_PER_EPOCH=2, IMAGES_PER_GPU=1, VALIDATE_EVERY=1)
    detector, train, validation = MaskRCNN("training", settings, tmp_path), shapes(3), shapes(2, seed=1)
    history = detector.train(train, validation, 0.01, 1, "heads")  # to a file: pytest's
    log = capsys.readouterr()
    assert "expected memory: about" in log.out and f"run folder: {detector.log_dir}" in log.out
    assert "precision: float32, as PRECISION says\n" in log.out
    line = r"epoch {}: loss [\d.e+]+, val_loss [\d.e+]+, val_threat_score [\d.e-]+, [\d.]+ s"
    assert re.fullmatch(line.format("1/1"), log.out.splitlines()[-1])
    assert repr(history).startswith(f"History of 1 epoch: loss {history[0]['loss']:.3g}, val_loss")

    detector.train(train, validation, 0.01, 2, "heads", verbose=1)
    *frames, last = capsys.readouterr().out.partition("epoch")[1:][-1].rstrip("\n").split("\r")
    assert re.fullmatch(line.format("2/2"), last)
    for phase, total in (("", "2"), (" validating", "2"), (" detecting", "2")):
        assert any(f"epoch 2/2{phase}: " in frame and f"/{total} [" in frame for frame in frames), phase
    assert log.err == capsys.readouterr().err == ""


def test_it_learns(config, tmp_path):
    """Two images are learned by heart: losses fall, and the objects are found."""
    settings = config(
        STEPS_PER_EPOCH=40,
        OPTIMIZER="adam",
        VALIDATE_EVERY=3,
        EARLY_STOPPING=50,
        RPN_CONV_SIZE=32,
        TOP_DOWN_PYRAMID_SIZE=16,
        DETECTION_MIN_CONFIDENCE=0.5,
    )
    detector, train = MaskRCNN("training", settings, tmp_path), shapes(2)
    history = detector.train(train, train, 0.003, 6, "all", verbose=0)
    assert history[-1]["loss"] < 0.4 * history[0]["loss"]
    assert [r["epoch"] for r in history if not math.isnan(r.get("val_threat_score", math.nan))] == [3, 6]
    assert history[-1]["val_foreground_iou"] > 0.5


def test_early_stopping_ends_a_stage_and_the_next_one_begins(config, tmp_path, capsys):
    settings = config(EARLY_STOPPING=1, STEPS_PER_EPOCH=1, IMAGES_PER_GPU=1, VALIDATE_EVERY=0)
    detector = MaskRCNN("training", settings, tmp_path)
    # The rate is so small that the loss depends only on the images, and does not fall forever.
    history = detector.train(shapes(9), None, 1e-12, 30, "heads", verbose=0)
    assert 2 <= len(history) < 30 and "loss has not improved since epoch" in capsys.readouterr().out
    losses = [r["loss"] for r in history]
    assert losses[-1] >= losses[-2]
