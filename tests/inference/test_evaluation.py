"""Evaluation of a detector on a data set."""

import numpy as np
import pytest
from scipy.ndimage import label

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances
from mrcnn.inference.evaluation import detect_counted, evaluate_dataset, judge
from mrcnn.inference.scale import tiling_of
from mrcnn.inference.tiling import TilePlan
from mrcnn.inference.whole_or_tiled import detect_at


class SquareImages(Dataset):
    """Images with one square each, from files that do not exist."""

    def __init__(self, count):
        super().__init__()
        self.add_class("test", 1, "square")
        for i in range(count):
            self.add_image("test", i, f"folder/square_{i}.tif")
        self.prepare()

    def load_image(self, image_id):
        return np.full((16, 16), image_id, np.uint8)

    def load_instances(self, image_id):
        return Instances.from_masks(np.pad(np.ones((4, 4, 1), bool), ((2, 10), (2, 10), (0, 0))))


class Finds:
    """Finds the square in all images except one, which it rejects."""

    class config:
        USE_MASK_HEAD = True

    def __init__(self, dataset, refused=None):
        self.dataset, self.refused = dataset, refused

    def predict(self, images):
        number = int(images[0][0, 0])
        if number == self.refused:
            raise DataError("image 0", "has 5 channels", "Give 1")
        return [self.dataset.load_instances(number)]


def test_all_found():
    dataset = SquareImages(3)
    report, shown = evaluate_dataset(Finds(dataset), dataset, limit=2, keep=1)
    assert report["threat_score"]["0.50"] == 1 and report["images_by_boxes"] == 0 and len(shown) == 1


def test_an_image_that_cannot_be_used_is_named_by_its_file():
    dataset = SquareImages(3)
    with pytest.raises(DataError, match="folder/square_2.tif: has 5 channels. Give 1"):
        evaluate_dataset(Finds(dataset, refused=2), dataset)


def test_low_scores_are_in_the_curves_but_not_counted():
    dataset = SquareImages(3)
    outcome = judge(lambda image, i, size: detect_counted(Unsure(dataset), image, 0.5), dataset, lambda i: True, 0.5)
    assert outcome.report["objects_predicted"] == 2 and outcome.report["errors"]["missed"] == 1
    assert outcome.report["mean"]["AP50"] == 1 and outcome.report["mean"]["recall"] == pytest.approx(2 / 3)
    assert outcome.report["coco_ap"]["AP50"] == pytest.approx(67 / 101)
    assert outcome.curves["square"].scores.tolist() == pytest.approx([0.9, 0.8, 0.1])
    assert not outcome.by_boxes and [len(objects) for objects in outcome.counted] == [1, 1, 0]


def test_images_without_masks_are_compared_by_boxes_and_counted():
    dataset = SquareImages(3)
    detect = lambda image, i, size: [hollow(part) for part in detect_counted(Unsure(dataset), image, 0)]  # noqa: E731
    report = {n: judge(detect, dataset, lambda i, n=n: i >= n, 0).report for n in (0, 2, 3)}
    assert [report[n]["images_by_boxes"] for n in (0, 2, 3)] == [0, 2, 3]
    assert [report[n]["iou_type"] for n in (0, 2, 3)] == ["segm", "segm", "bbox"]
    assert [report[n]["errors"]["correct"] for n in (0, 2, 3)] == [0, 2, 3]


def test_the_image_is_named_in_a_full_evaluation_too():
    dataset = SquareImages(3)
    finds = Finds(dataset, refused=1)
    with pytest.raises(DataError, match="folder/square_1.tif: has 5 channels. Give 1"):
        judge(lambda image, i, size: detect_counted(finds, image, 0), dataset, lambda i: True, 0)


class Unsure(Finds):
    """Finds the square with the scores 0.9, 0.8 and 0.1."""

    def predict(self, images):
        found = super().predict(images)
        found[0].scores[:] = [0.9, 0.8, 0.1][int(images[0][0, 0])]
        return found


def hollow(instances):
    """The same boxes, but only the first row of each mask."""
    for mask in instances.masks:
        mask[1:] = False
    return instances


class SurerWhenCut:
    """Finds bright areas; in a tile, an area that touches its border has a high score, and others a low one."""

    scale = None

    def __init__(self):
        self.config = Config(
            IMAGE_MIN_DIM=64, IMAGE_MAX_DIM=64, DETECTION_MIN_CONFIDENCE=0.05, TRAINED_SCALE=1.0, IMAGES_PER_GPU=1
        )
        self.seen = 0

    def predict(self, images):
        self.seen += len(images)
        results = []
        for image in images:
            found = Instances.from_label_image(label(image[..., 0] > 128)[0])
            edges = (found.boxes[:, :2] == 0) | (found.boxes[:, 2:] == image.shape[:2])
            found.scores[:] = np.where(edges.any(axis=1), 0.9, 0.3)
            results.append(found)
        return results


def test_objects_are_counted_in_tiles_as_if_lower_scores_had_not_been_found():
    image = np.zeros((64, 160, 3), np.uint8)
    image[20:30, 50:70] = 255  # cut by the first tile, whole in the second
    detector = SurerWhenCut()
    tiling = tiling_of(detector.config, image.shape)
    assert tiling is not None
    alone = detect_at(SurerWhenCut(), image, tiling, progress=False, min_score=0.5)
    found, counted = detect_counted(detector, image, 0.5)
    assert len(alone) == len(counted) == 1 and counted.scores[0] == np.float32(0.9)
    np.testing.assert_array_equal(counted.boxes, alone.boxes)
    assert found.boxes.tolist() == [[20, 50, 30, 70]] and found.scores[0] < 0.5  # the whole view is preferred
    tiles = len(TilePlan(image.shape, tiling.tile, tiling.overlap, "centre").windows)
    assert detector.seen == tiles  # each tile goes through the network once
    again = detect_counted(detector, image, 0.05)
    assert len(again[0]) == len(again[1]) == 1
