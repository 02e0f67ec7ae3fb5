"""Faster R-CNN (USE_MASK_HEAD = False) from the first step to the evaluation; and scores without masks."""

import keras
import numpy as np
import pytest

from mrcnn.config import LOSS_NAMES
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.errors import WeightsError
from mrcnn.evaluate.text import format_table
from mrcnn.inference.evaluation import evaluate_dataset

LOSSES = [name for name in LOSS_NAMES if name != "mrcnn_mask_loss"]


class OddOnesAreBoxes(ShapesDataset):
    """For every second image only the boxes are known; a training must not decode its masks."""

    def has_masks(self, image_id):
        return image_id % 2 == 0


def shapes(count, kind=ShapesDataset):
    dataset = kind()
    dataset.load_shapes(count, 64, 64, seed=3)
    dataset.prepare()
    return dataset


def values_of(model):
    return {"/".join(w.path.split("/")[-2:]): keras.ops.convert_to_numpy(w).copy() for w in model.weights}


def test_train_save_resume_load_and_detect(tiny, tmp_path):
    config = tiny.config(NUM_CLASSES=4, STEPS_PER_EPOCH=2, USE_MASK_HEAD=False, DETECTION_MAX_INSTANCES=3)
    detector = MaskRCNN("training", config, tmp_path)
    detector.train(shapes(3), shapes(2), 0.01, 1, "all", verbose=0)
    again = MaskRCNN("training", config, tmp_path)
    assert again.resume()
    first, second = again.train(shapes(3), shapes(2), 0.01, 2, "all", verbose=0)
    for row in (first, second):
        assert {name for name in row if name.endswith("_loss")} == {*LOSSES, *(f"val_{n}" for n in LOSSES), "val_loss"}
        assert row["loss"] == pytest.approx(sum(row[name] for name in LOSSES), rel=1e-5)
        assert 0 <= row["val_threat_score"] <= 1

    alone = MaskRCNN("inference", config, tmp_path)
    alone.load_weights(again.checkpoint_path)
    assert not [name for name in values_of(alone.keras_model) if "mrcnn_mask" in name]
    image = shapes(1).load_image(0)
    found, other, plain = alone.predict([image])[0], again.predict([image])[0], alone.detect([image])[0]
    assert len(found) and all(mask.all() for mask in found.masks)
    np.testing.assert_array_equal(found.boxes, other.boxes)
    assert plain["masks"].shape == (64, 64, len(found))
    assert plain["masks"].sum() == found.areas().sum() == np.prod(found.boxes[:, 2:] - found.boxes[:, :2], axis=1).sum()

    with_head = MaskRCNN("inference", tiny.config(NUM_CLASSES=4), tmp_path)
    before = values_of(with_head.keras_model)
    with pytest.raises(WeightsError, match="mrcnn_mask"):
        with_head.load_weights(again.checkpoint_path)
    with_head.load_weights(again.checkpoint_path, by_name=True)
    after, trained = values_of(with_head.keras_model), values_of(alone.keras_model)
    for name, value in after.items():
        np.testing.assert_array_equal(value, before[name] if "mrcnn_mask" in name else trained[name])
    with_head.save_weights(tmp_path / "with_head.h5")
    fresh = MaskRCNN("inference", tiny.config(NUM_CLASSES=4, USE_MASK_HEAD=False, SEED=9), tmp_path)
    fresh.load_weights(tmp_path / "with_head.h5", by_name=True)
    for name, value in values_of(fresh.keras_model).items():
        np.testing.assert_array_equal(value, trained[name])


class Finds:
    """Finds the true boxes, with the masks given."""

    def __init__(self, dataset, masks, **settings):
        self.config = type("Settings", (), settings)
        self.answers = [dataset.load_instances(i) for i in dataset.image_ids]
        self.answers = [masks(a) for a in self.answers]

    def predict(self, images):
        return [self.answers.pop(0)]


def hollow(instances):
    """The same boxes, but only the first row of each mask."""
    for mask in instances.masks:
        mask[1:] = False
    return instances


def test_boxes_are_compared_if_masks_are_missing():
    real, some = shapes(2), shapes(2, OddOnesAreBoxes)
    faster, _ = evaluate_dataset(Finds(real, lambda a: a.as_boxes(), USE_MASK_HEAD=False), real)
    assert faster["threat_score"]["0.95"] == 1 and faster["images_by_boxes"] == 2
    assert "2 images have no masks and are compared by their filled boxes" in format_table(faster)
    mixed, _ = evaluate_dataset(Finds(some, hollow, USE_MASK_HEAD=True), some)
    scores = [image["threat_score_50"] for image in mixed["per_image"]]
    assert scores == [0, 1] and mixed["images_by_boxes"] == 1
    masks, _ = evaluate_dataset(Finds(real, lambda a: a, USE_MASK_HEAD=True), real)
    assert masks["threat_score"]["0.95"] == 1 and masks["images_by_boxes"] == 0
    assert "compared by their filled boxes" not in format_table(masks)
