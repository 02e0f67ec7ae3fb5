"""All scores of an image set as one dict."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.evaluate.report import evaluate_set, worst_images
from mrcnn.evaluate.text import format_table
from mrcnn.geometry.instances import Instances

NAMES = ["BG", "mitochondrion", "vesicle"]


@given(st.integers(0, 2**31))
@settings(max_examples=20)
def test_report_is_plain_json_without_nan_and_is_consistent(scene, seed):
    rng = np.random.default_rng(seed)
    images = [scene(int(s)) for s in rng.integers(0, 2**31, 3)]
    gt_list, pred_list = zip(*images, strict=True)
    report = evaluate_set(gt_list, pred_list, NAMES)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["objects_true"] == sum(map(len, gt_list))
    assert report["objects_true"] == sum(row["objects_true"] for row in report["per_class"].values())
    assert list(report["threat_score"]) == [f"{t:.2f}" for t in np.arange(0.5, 0.951, 0.05)]
    for error, count in report["errors"].items():
        assert count == sum(image["errors"][error] for image in report["per_image"])
    assert report["per_image"][0]["name"] == "0"
    text = format_table(report)
    assert "threat score" in text and "vesicle" in text and "nan" not in text


def test_perfect_and_empty(random_instances):
    rng = np.random.default_rng(1)
    gt_list = [random_instances(rng, 5, separate=True), Instances((40, 50))]
    report = evaluate_set(gt_list, gt_list, NAMES, names=["a.tif", "b.tif"])
    assert set(report["threat_score"].values()) == set(report["panoptic_quality"].values()) == {1}
    assert report["coco_ap"]["AP"] == pytest.approx(1) and report["coco_ap_boxes"]["AP"] == pytest.approx(1)
    assert report["ap_per_image_50"] == report["foreground_iou"] == report["dice"] == 1
    assert report["per_image"][1] == {
        "name": "b.tif",
        "objects_true": 0,
        "objects_predicted": 0,
        "threat_score_50": 1,
        "foreground_iou": 1,
        "errors": {"correct": 0, "split": 0, "merged": 0, "missed": 0, "false": 0},
    }

    nothing = evaluate_set([], [], NAMES)
    assert nothing["coco_ap"]["AP"] is None and nothing["ap_per_image_50"] is None
    assert nothing["per_class"]["vesicle"]["recall_50"] is None
    json.dumps(nothing, allow_nan=False)
    assert "0 images" in format_table(nothing)


def test_all_predictions_count_unless_limited():
    y, x = np.divmod(np.arange(150), 15)
    boxes = np.stack([y, x, y + 1, x + 1], axis=1) * 4
    many = Instances((40, 60), boxes, masks=[np.ones((4, 4), bool)] * 150)
    assert evaluate_set([many], [many], ["BG", "cell"])["coco_ap"]["AP"] == pytest.approx(1)
    limited = evaluate_set([many], [many], ["BG", "cell"], max_detections=100)["coco_ap"]
    assert limited["AP"] < 0.7 and limited["max_detections"] == 100


def test_worst_images_come_first(random_instances):
    rng = np.random.default_rng(0)
    good, none = random_instances(rng, 3, separate=True), Instances((40, 50))
    one = good.select([0])
    report = evaluate_set([good, one, good, good], [good, none, none, one], NAMES)
    assert worst_images(report, 3) == [2, 1, 3]  # image 2 misses more than image 1
    assert worst_images(report, 99) == [2, 1, 3, 0]
    assert worst_images(report, 0) == []


def test_mismatched_sets_are_rejected():
    image = Instances((4, 4))
    with pytest.raises(ValueError, match="pass the same images"):
        evaluate_set([image], [], NAMES)
    with pytest.raises(ValueError, match="pass the same images"):
        evaluate_set([image], [image], NAMES, names=["a", "b"])
    unknown = Instances.from_masks(np.ones((4, 4, 1)), class_ids=[7])
    with pytest.raises(ValueError, match="range 1 to 2"):
        evaluate_set([unknown], [image], NAMES)
    with pytest.raises(ValueError, match=r"\(4, 5\)"):
        evaluate_set([image], [Instances((4, 5))], NAMES)
