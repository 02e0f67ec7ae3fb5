"""A clump drawn as a COCO crowd is passed over in every score: what is found in it is neither right nor wrong.

The numbers are those of pycocotools.
"""

import json

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest

from mrcnn.commands import comparison, evaluation
from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.data.readers.open import open_any
from mrcnn.evaluate.average_precision import coco_ap
from mrcnn.evaluate.report import evaluate_set
from mrcnn.evaluate.text import format_table
from mrcnn.geometry.instances import Instances
from mrcnn.inference.evaluation import evaluate_dataset
from mrcnn.options.evaluate_arguments import compare_parser, evaluate_parser
from mrcnn.search.tune_watershed import score_watershed

SIDE = 100
CELLS = [(5, 5, 15, 15), (25, 5, 35, 15)]  # y1, x1, y2, x2
CLUMP = (50, 50, 100, 100)
IN_CLUMP = [(55, 55, 65, 65), (55, 70, 65, 80), (75, 60, 85, 70)]


def annotation(number, box, crowd, image=1):
    y1, x1, y2, x2 = box
    outline = [[x1, y1, x2, y1, x2, y2, x1, y2]]
    if crowd:  # COCO stores crowds as run lengths, column by column
        mask = np.zeros((SIDE, SIDE), bool)
        mask[y1:y2, x1:x2] = True
        flat = np.concatenate([[False], mask.ravel(order="F"), [False]])
        changes = np.flatnonzero(np.diff(flat))
        outline = {"size": [SIDE, SIDE], "counts": np.diff([0, *changes, SIDE * SIDE]).tolist()}
    found = {"id": number, "image_id": image, "category_id": 1, "iscrowd": int(crowd)}
    return {**found, "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (y2 - y1) * (x2 - x1), "segmentation": outline}


@pytest.fixture
def truth(tmp_path):
    """Two images, each with two cells and a clump, as a COCO file with the clump as a crowd; cells in it are bright."""
    image = np.zeros((SIDE, SIDE), np.uint8)
    for y1, x1, y2, x2 in [*CELLS, *IN_CLUMP]:
        image[y1:y2, x1:x2] = 220
    stored = {"categories": [{"id": 1, "name": "cell"}], "images": [], "annotations": []}
    for i in (1, 2):
        iio.imwrite(tmp_path / f"field_{i}.png", image)
        stored["images"].append({"id": i, "file_name": f"field_{i}.png", "width": SIDE, "height": SIDE})
        boxes = [(box, False) for box in CELLS] + [(CLUMP, True)]
        for box, crowd in boxes:
            stored["annotations"].append(annotation(len(stored["annotations"]) + 1, box, crowd, i))
    (tmp_path / "truth.json").write_text(json.dumps(stored))
    return tmp_path / "truth.json"


class Brighter:
    """Finds what is bright, in the clump with higher scores than outside."""

    def __init__(self, config):
        self.config = config

    def predict(self, images, pixel_size_nm=None):
        boxes = [*CELLS, *IN_CLUMP]
        scores = [0.95, 0.9, 0.99, 0.98, 0.97]
        return [
            Instances(image.shape, boxes, [1] * 5, scores, [np.ones((10, 10), bool)] * 5, pixel_size_nm)
            for image in images
        ]


@pytest.mark.parametrize("boxes", [False, True])
def test_what_is_found_in_the_clump_counts_neither_way(truth, domain, boxes):
    options = {"boxes_as_masks": True, "outlines": False} if boxes else {}
    dataset = BoxDataset(truth, **options)
    report, shown = evaluate_dataset(Brighter(domain.configs["small"]()), dataset, keep=1)
    assert report["coco_ap"]["AP"] == report["coco_ap_boxes"]["AP"] == pytest.approx(1)
    assert report["precision"]["0.50"] == report["threat_score"]["0.95"] == report["ap_per_image_50"] == 1
    assert report["foreground_iou"] == report["dice"] == report["pixel_accuracy"] == 1
    assert report["errors"] == {"correct": 4, "split": 0, "merged": 0, "missed": 0, "false": 0}
    assert (report["objects_true"], report["objects_predicted"], report["predictions_ignored"]) == (4, 4, 6)
    assert report["confusion"]["counts"] == [[0, 0], [0, 4]]
    assert "6 predictions lie in crowds and count neither as correct nor as false" in format_table(report)
    assert shown[0][1].class_ids.tolist() == [1, 1, -1]


def test_the_commands_pass_over_crowds(truth, domain, tmp_path, monkeypatch, capsys):
    detector = Brighter(domain.configs["small"]())
    domain = type(domain)(**{**vars(domain), "class_names": ("BG", "cell"), "open_dataset": open_any})
    for module in (evaluation, comparison):
        monkeypatch.setattr(module, "scored_detector", lambda domain, options: (detector, 0.5))
    monkeypatch.setattr(comparison, "weights_mb", lambda detector: 1.0)
    data = ["--dataset", str(truth), "--out", str(tmp_path / "out")]
    given = vars(evaluate_parser("x").parse_args(["--weights", "run", "--worst", "1", *data]))
    assert evaluation.evaluate(domain, given) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    row = metrics["per_class"]["cell"]
    assert row["AP"] == pytest.approx(1) and row["AP_voc"] == row["precision"] == row["best_f1"] == 1
    assert (row["objects_true"], row["objects_predicted"]) == (4, 4)
    assert metrics["confusion"]["counts"] == metrics["confusion_50"]["counts"] == [[0, 0], [0, 4]]
    assert metrics["intervals"]["precision"]["0.50"] == [1, 1]
    assert len(list((tmp_path / "out").glob("worst_1*.png"))) == 2
    assert "6 predictions lie in crowds" in capsys.readouterr().out
    assert comparison.compare(domain, vars(compare_parser("x").parse_args(["a=run", *data]))) == 0
    table = pd.read_csv(tmp_path / "out" / "comparison.csv").iloc[0]
    assert (table["threat_score_50"], table["false"], table["objects_found"]) == (1, 0, 4)


@pytest.mark.parametrize(
    ("box", "ignored"),
    [
        ((45, 60, 55, 70), 1),  # half inside: 0.5 of the detection, whatever its IoU with the clump
        ((44, 60, 54, 70), 0),
        ((55, 55, 57, 57), 1),
        ((50, 50, 100, 100), 1),
    ],
)
def test_the_share_of_the_detection_that_is_inside_decides(box, ignored):
    """As pycocotools does: intersection / area of the detection, at the IoU threshold of the score."""
    y1, x1, y2, x2 = box
    truth = Instances((SIDE, SIDE), [*CELLS, CLUMP], [1, 1, -1], masks=masks_of([*CELLS, CLUMP]))
    found = Instances((SIDE, SIDE), [*CELLS, box], [1] * 3, [0.9, 0.8, 0.99], masks_of([*CELLS, box]))
    report = evaluate_set([truth], [found], ["BG", "cell"])
    assert report["errors"]["false"] == 1 - ignored and report["predictions_ignored"] == ignored
    at_55 = report["precision"]["0.55"]
    assert at_55 == (1 if ignored and y1 >= 50 else pytest.approx(2 / 3))
    assert coco_ap([truth], [found], 2)["AP50"] == pytest.approx(1 if ignored else 2 / 3)


def test_a_crowd_passes_over_its_own_class_only_and_never_takes_what_finds_an_object():
    inside = (60, 60, 70, 70)
    truth = Instances((SIDE, SIDE), [inside, CLUMP], [1, -1], masks=masks_of([inside, CLUMP]))
    other = Instances((SIDE, SIDE), [inside, IN_CLUMP[0]], [1, 2], masks=masks_of([inside, IN_CLUMP[0]]))
    report = evaluate_set([truth], [other], ["BG", "cell", "debris"])
    assert report["errors"] == {"correct": 1, "split": 0, "merged": 0, "missed": 0, "false": 1}
    assert report["per_class"]["debris"]["objects_predicted"] == 1 and report["predictions_ignored"] == 0


def test_the_watershed_is_not_tuned_to_leave_out_what_is_in_a_crowd():
    probability = np.zeros((SIDE, SIDE))
    for y1, x1, y2, x2 in [*CELLS, *IN_CLUMP]:
        probability[y1:y2, x1:x2] = 0.9
    truth = Instances((SIDE, SIDE), [*CELLS, CLUMP], [1, 1, -1], masks=masks_of([*CELLS, CLUMP]))
    (row,) = score_watershed([probability], [truth], thresholds=(0.5,), seed_depths_px=(None,), min_sizes_px=(0,))
    assert (row["tp"], row["fp"], row["fn"], row["threat_score"]) == (2, 0, 0, 1)


def masks_of(boxes):
    return [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
