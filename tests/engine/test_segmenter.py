"""`SemanticSegmenter`: training, interruption, resuming, loading and prediction."""

import csv
import json

import keras
import numpy as np
import pytest
from keras import layers

from mrcnn.config import SemanticConfig
from mrcnn.data.augment import FlipLR, Rot90
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.engine.segmenter import SemanticSegmenter
from mrcnn.errors import ConfigError, DataError
from mrcnn.results.watershed import WatershedSettings
from mrcnn.training import time_budget as budget
from mrcnn.training.checkpoints import read_progress

AUGMENTATION = [FlipLR(), Rot90()]


def micrographs(count, seed, side=64):
    return SyntheticMitochondria(count, (side, side), seed, size_px=(20, 30), objects=(1, 3))


def values_of(model):
    return [keras.ops.convert_to_numpy(w) for w in model.variables]


@pytest.fixture(scope="module")
def config(tiny):
    return lambda **overrides: SemanticConfig(
        **{
            "NAME": "Tiny",
            "BACKBONE": tiny.backbone,
            "COMPUTE_BACKBONE_SHAPE": tiny.backbone_shapes,
            "SEMANTIC_DECODER": (8, 8, 8, 8),
            "SEMANTIC_CROP": 32,
            "SEMANTIC_LOSS": "focal_dice",
            "IMAGE_CHANNEL_COUNT": 1,
            "MEAN_PIXEL": 128.0,
            "IMAGES_PER_GPU": 4,
            "PRECISION": "float32",
            "SEED": 1,
            **overrides,
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory, config):
    """The segmenter and the history of a training with two epochs and validation."""
    segmenter = SemanticSegmenter("training", config(KEEP_CHECKPOINTS=1), tmp_path_factory.mktemp("logs"))
    train, validation = micrographs(6, 1), micrographs(2, 2)
    history = segmenter.train(train, validation, 0.01, epochs=2, augmentation=AUGMENTATION, verbose=0)
    return segmenter, history


def test_the_callers_config_stays_as_it_is(config, tmp_path):
    given = config(SEMANTIC_MODEL=None)
    assert SemanticSegmenter("inference", given, tmp_path).config.SEMANTIC_MODEL == "unet"
    assert given.SEMANTIC_MODEL is None


def test_what_a_run_records(run):
    segmenter, history = run
    assert segmenter.epoch == 2 and segmenter.log_dir.name.startswith("tiny_unet20")
    names = {p.name for p in segmenter.log_dir.iterdir()}
    assert names == {"best.h5", "config.json", "curves.png", "history.csv", "unet_tiny_0002.h5", "tensorboard"}
    assert segmenter.find_last() == segmenter.checkpoint_path == str(segmenter.log_dir / "unet_tiny_0002.h5")
    for row in history:
        assert {"epoch", "seconds", "learning_rate"} < set(row)
        for name in ("accuracy", "foreground_iou"):
            assert 0 <= row[name] <= 1 and 0 <= row[f"val_{name}"] <= 1
        assert row["loss"] > 0 and row["val_loss"] > 0
    with open(segmenter.log_dir / "history.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    assert json.loads((segmenter.log_dir / "config.json").read_text())["SEMANTIC_MODEL"] == "unet"
    progress = read_progress(segmenter.log_dir / "best.h5")
    assert progress.monitor == "val_foreground_iou"
    assert progress.best == pytest.approx(max(row["val_foreground_iou"] for row in history))


def test_without_validation_steps(config, tmp_path):
    segmenter = SemanticSegmenter("training", config(VALIDATION_STEPS=0), tmp_path)
    history = segmenter.train(micrographs(2, 1), micrographs(2, 2), 0.01, epochs=1, verbose=0)
    assert history[0]["loss"] > 0 and not any(name.startswith("val_") for name in history[0])
    assert read_progress(segmenter.log_dir / "best.h5").monitor == "loss"


def test_tensorboard_has_the_three_curves_and_images(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tags = EventAccumulator(str(run[0].log_dir / "tensorboard")).Reload().Tags()
    names = {*tags["tensors"], *tags["scalars"], *tags["images"]}
    assert {"loss", "accuracy", "foreground_iou", "val_foreground_iou"} <= names
    assert {f"validation_{i}_truth_and_prediction" for i in range(3)} <= names


def test_validation_measures_all_pixels_of_the_images(run):
    """As reported by the last epoch, from the probabilities of crops that neither overlap nor are blended."""
    segmenter, history = run
    dataset, both, either = micrographs(2, 2), 0, 0
    for image_id in dataset.image_ids:
        found = segmenter.predict_probability(dataset.load_image(image_id), tile=32, overlap=0)[..., 0] > 0.5
        truth = dataset.load_instances(image_id).foreground()
        both, either = both + np.sum(found & truth), either + np.sum(found | truth)
    assert both / either == pytest.approx(history[-1]["val_foreground_iou"], abs=1e-3)


def test_a_model_for_inference_predicts_the_same(run, config, tmp_path):
    segmenter, _ = run
    other = SemanticSegmenter("inference", config(SEMANTIC_MODEL=None), segmenter.model_dir)
    assert other.config.SEMANTIC_MODEL == "unet"
    settings = WatershedSettings(threshold=0.25, min_size_px=7)
    segmenter.save_watershed(settings)
    other.load_weights(segmenter.log_dir / "unet_tiny_0002.h5", verbose=0)
    assert other.watershed == settings and other.epoch == 2 and other.log_dir == segmenter.log_dir
    image = micrographs(1, 3, side=100).load_image(0)
    one, same = (s.predict_probability(image) for s in (segmenter, other))
    assert one.shape == (100, 100, 1) and one.dtype == np.float32 and 0 <= one.min() < one.max() <= 1
    np.testing.assert_allclose(one, same, atol=1e-5)
    for tile in (64, 96):  # sizes that the network has not seen
        assert np.abs(segmenter.predict_probability(image, tile=tile) - one).mean() < 0.05
    flipped = segmenter.predict_probability(image, flips=True)
    assert 0 < np.abs(flipped - one).max() < 0.6
    again = segmenter.predict_probability(image[:, ::-1], flips=True)[:, ::-1]
    assert np.abs(again - flipped).mean() < 0.02  # tiles of the mirrored image are in other places
    segmenter.save_weights(tmp_path / "w.h5")
    other.load_weights(tmp_path / "w.h5", verbose=0)
    assert other.watershed == WatershedSettings()
    (tmp_path / "watershed.json").write_text("[1]")
    with pytest.raises(ConfigError, match="watershed.json: contains no valid watershed settings"):
        other.load_weights(tmp_path / "w.h5", verbose=0)


def test_images_of_any_kind_become_objects(run, monkeypatch):
    segmenter, _ = run
    # The network itself is not tested here: the left half is one object, the right half nearly one.
    monkeypatch.setattr(segmenter, "_run_tiles", lambda tiles: np.where(tiles > 100, 0.9, 0.2).astype(np.float32))
    image = np.zeros((50, 90), np.uint8)
    image[5:20, 5:20], image[30:45, 40:80] = 200, 255
    results = segmenter.predict([image, image.astype(np.uint16) * 200, image[..., None] / 255.0], 5)
    for found in results:
        assert found.boxes.tolist() == [[5, 5, 20, 20], [30, 40, 45, 80]]
        assert found.scores == pytest.approx([0.9, 0.9], abs=1e-3) and found.pixel_size_nm == (5.0, 5.0)
    assert len(segmenter.predict([image], settings=WatershedSettings(min_size_px=300))[0]) == 1
    assert len(segmenter.predict([image], min_score=0.95)[0]) == 0
    with pytest.raises(DataError, match="image 1: 4500 pixel values are NaN"):
        segmenter.predict([image, np.full((50, 90), np.nan)])
    with pytest.raises(DataError, match="is a single image, but a list"):
        segmenter.predict(image[..., None])


class Kill(keras.callbacks.Callback):
    """Interrupts at a step of an epoch, like Ctrl+C."""

    def __init__(self, epoch, step):
        super().__init__()
        self.place = epoch, step

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.place:
            raise KeyboardInterrupt


def shapes(count, seed):
    dataset = ShapesDataset()
    dataset.load_shapes(count, 64, 64, seed)
    dataset.prepare()
    return dataset


def test_killed_and_resumed_equals_uninterrupted(tmp_path, config):
    """FCN with four classes, class weights and a cosine schedule; killed within the second epoch."""
    settings = {"SEMANTIC_MODEL": "fcn", "NUM_CLASSES": 4, "IMAGE_CHANNEL_COUNT": 3, "STEPS_PER_EPOCH": 4, "SEED": 2,
                "SAVE_EVERY_STEPS": 2, "SEMANTIC_CLASS_WEIGHTS": (1, 2, 2, 2), "VALIDATE_EVERY": 0}  # fmt: skip
    whole, killed, resumed = (
        SemanticSegmenter("training", config(**settings), tmp_path / name) for name in ("a", "b", "b")
    )
    call = {"learning_rate": 0.01, "epochs": 3, "augmentation": AUGMENTATION, "verbose": 0}
    whole.train(shapes(5, 0), None, **call)
    with pytest.raises(KeyboardInterrupt):
        killed.train(shapes(5, 0), None, custom_callbacks=[Kill(1, 3)], **call)
    assert (killed.log_dir / "interrupted.h5").is_file()
    assert resumed.resume() and resumed.log_dir == killed.log_dir
    assert (resumed.progress.epoch, resumed.progress.step) == (1, 2)
    history = resumed.train(shapes(5, 0), None, **call)
    assert len(history) == 3 and resumed.epoch == 3
    for one, other in zip(values_of(whole.keras_model), values_of(resumed.keras_model)):
        np.testing.assert_array_equal(one, other)
    assert [r["foreground_iou"] for r in history] == [
        r["foreground_iou"] for r in whole.train(shapes(5, 0), None, **call)
    ]
    probability = resumed.predict_probability(shapes(1, 1).load_image(0))
    assert probability.shape == (64, 64, 4)
    np.testing.assert_allclose(probability.sum(axis=-1), 1, atol=1e-5)


class Seconds(keras.callbacks.Callback):
    """A clock on which every step takes a second."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def on_train_batch_begin(self, batch, logs=None):
        self.now += 1


def test_hours_instead_of_epochs(run, config, monkeypatch, capsys):
    segmenter, seconds = run[0], Seconds()
    monkeypatch.setattr(budget, "monotonic", lambda: seconds.now)
    again = SemanticSegmenter("training", segmenter.config, segmenter.model_dir)
    assert again.resume(segmenter.log_dir)
    history = again.train(micrographs(6, 1), None, 0.01, hours=20 / 3600, custom_callbacks=[seconds], verbose=2)
    said = capsys.readouterr().out
    assert "for 0.00555556 hours in total" in said and "hours are over after 5 epochs" in said
    rates = [row["learning_rate"] for row in history[2:]]
    assert len(rates) == 3 and rates == sorted(rates, reverse=True) and rates[-1] < 0.005 < rates[0]
    assert read_progress(again.find_last()).epoch == 5


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"hours": 1}, ConfigError, r"Give epochs \(1\) or hours \(1\), not both"),
        ({"epochs": None}, ConfigError, "epochs must be a whole number"),
        ({"epochs": None, "hours": -1}, ConfigError, "hours must be a positive number"),
        ({"epochs": None, "hours": "1"}, ConfigError, "hours must be a positive number"),
        ({"learning_rate": 0}, ConfigError, "learning_rate must be a positive number"),
        ({"layers": "herds", "epochs": 9}, ConfigError, "matches no layer"),
        ({"train_dataset": shapes(2, 0)}, ConfigError, "NUM_CLASSES is 2, but the data set has 4 classes"),
        ({"val_dataset": shapes(2, 0)}, ConfigError, "NUM_CLASSES is 2, but the data set has 4 classes"),
    ],
)
def test_invalid_trainings_are_refused_first(run, change, error, message, tmp_path):
    segmenter, before = run[0], sorted(run[0].model_dir.iterdir())
    call = {"train_dataset": micrographs(1, 1), "val_dataset": None, "learning_rate": 0.01, "epochs": 1}
    with pytest.raises(error, match=message):
        segmenter.train(**{**call, **change})
    assert sorted(segmenter.model_dir.iterdir()) == before


def test_crops_larger_than_an_image_are_refused_first(run, config):
    segmenter = run[0]
    segmenter.config.SEMANTIC_CROP = 96
    for call in ((micrographs(1, 1), None), (micrographs(1, 1, side=96), micrographs(1, 1))):
        with pytest.raises(DataError, match="64 x 64 pixels, too few for training crops of 96 x 96"):
            segmenter.train(*call, 0.01, epochs=9)
    segmenter.config.SEMANTIC_CROP = 32


# --- Encoders of keras.applications ---
def small_network(include_top=False, weights=None, input_shape=None):
    x = image = keras.Input(input_shape)
    for i in range(5):
        x = layers.Conv2D(4, 3, strides=2, padding="same", name=f"conv{i}")(x)
        x = layers.BatchNormalization(momentum=0.999, name=f"bn{i}")(x)
    return keras.Model(image, x)


@pytest.fixture
def by_name(config, monkeypatch, tmp_path):
    monkeypatch.setattr(keras.applications, "TinyNet", small_network, raising=False)
    return SemanticSegmenter("training", config(BACKBONE="tiny_net", COMPUTE_BACKBONE_SHAPE=None), tmp_path / "logs")


def test_pretrained_encoders_are_loaded_and_inflated(by_name, tmp_path):
    arrays = {f"conv{i}/kernel": np.random.default_rng(i).normal(size=(3, 3, 4 if i else 3, 4)) for i in range(5)}
    np.savez(tmp_path / "encoder.npz", **arrays)
    report = by_name.load_weights(tmp_path / "encoder.npz", by_name=True, verbose=0)
    assert len(report.loaded) == 5 and report.inflated == ["conv0/kernel"] and by_name.always_trained == ["conv0"]
    backbone = by_name.keras_model.get_layer("backbone").network
    np.testing.assert_allclose(backbone.get_layer("conv0").kernel, arrays["conv0/kernel"].sum(axis=2, keepdims=True),
                               rtol=1e-5)  # fmt: skip
    np.testing.assert_allclose(backbone.get_layer("conv4").kernel, arrays["conv4/kernel"], rtol=1e-5)


def test_stages_of_an_encoder(by_name):
    def chosen(layers):
        return {n for n in by_name.set_trainable(layers, verbose=0) if not n.startswith("decoder_")}

    assert chosen("heads") == set() and chosen("5+") == {"conv4", "bn4"}
    assert chosen("4+") == {"conv3", "bn3", "conv4", "bn4"}
    assert len(chosen("all")) == 10


def test_modes_and_devices(config, tmp_path):
    segmenter = SemanticSegmenter("inference", config(), tmp_path)
    with pytest.raises(ConfigError, match=r"made for inference. Create SemanticSegmenter\(mode='training'"):
        segmenter.train(micrographs(1, 1), None, 0.01, epochs=1)
    with pytest.raises(ConfigError, match="GPU_COUNT is 2, but semantic models train on one device"):
        SemanticSegmenter("training", config(GPU_COUNT=2), tmp_path)
    with pytest.raises(ConfigError, match="mode must be"):
        SemanticSegmenter("train", config(), tmp_path)
