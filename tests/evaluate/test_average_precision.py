"""Matterport's AP against the numbers of the original, COCO's AP against pycocotools."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parity_files import load, seven_arguments

from mrcnn.evaluate.average_precision import (
    IOU_THRESHOLDS,
    ap_of_instances,
    ap_per_image,
    coco_ap,
    compute_ap,
    compute_ap_range,
)
from mrcnn.geometry.instances import Instances

SEEDS = st.integers(0, 2**31)


def matterport(gt, pred):
    return gt.boxes, gt.class_ids, gt.to_masks(), pred.boxes, pred.class_ids, pred.scores, pred.to_masks()


def test_compute_ap_matches_matterport(parity, capsys):
    inputs, data = load(parity / "fn_compute_matches.npz"), load(parity / "fn_compute_ap.npz")
    for case in (f"{i:02d}" for i in range(int(data["cases"]))):
        args = seven_arguments(inputs, case)
        for tag in ("50", "75"):
            ap, precisions, recalls, _ = compute_ap(*args, iou_threshold=int(tag) / 100)
            assert ap == pytest.approx(float(data[f"output_ap_{tag}_{case}"]), rel=1e-6, abs=1e-12)
            np.testing.assert_allclose(precisions, data[f"output_precisions_{tag}_{case}"], rtol=1e-6)
            np.testing.assert_allclose(recalls, data[f"output_recalls_{tag}_{case}"], rtol=1e-6)
        some = [0.5, 0.6, 0.7]
        for tag, thresholds in (("range", None), ("range_50_70", some), ("range_50_70", np.array(some))):
            ap = compute_ap_range(*args, iou_thresholds=thresholds, verbose=0)
            assert ap == pytest.approx(float(data[f"output_ap_{tag}_{case}"]), rel=1e-6, abs=1e-12)
    assert capsys.readouterr().out == ""
    compute_ap_range(*args, iou_thresholds=[0.5, 0.7])
    assert "AP @0.50-0.70" in capsys.readouterr().out


def test_no_division_by_zero_without_ground_truth(random_instances):
    none, some = Instances((40, 50)), random_instances(np.random.default_rng(0), 3)
    assert compute_ap(*matterport(none, none))[0] == 1
    assert compute_ap(*matterport(none, some))[0] == 0
    assert compute_ap(*matterport(some, none))[0] == 0
    with pytest.raises(ValueError, match="empty"):
        compute_ap_range(*matterport(some, some), iou_thresholds=[])


@given(SEEDS, st.sampled_from([0.3, 0.5, 0.75]))
def test_ap_of_instances_is_ap_per_image(scene, seed, threshold):
    gt, pred = scene(seed)
    assert ap_of_instances(gt, pred, threshold) == pytest.approx(ap_per_image(*matterport(gt, pred), threshold)[0])


def reference(gt_list, pred_list, class_count, iou_type, max_detections):
    """Precision [T, 101, classes] of pycocotools, -1 where there is no ground truth."""
    coco_module = pytest.importorskip("pycocotools.coco", exc_type=ModuleNotFoundError)
    from pycocotools import mask as rle
    from pycocotools.cocoeval import COCOeval

    def data_set(instances_list):
        annotations = []
        for image, instances in enumerate(instances_list, start=1):
            full = instances.to_masks()
            for i, (y1, x1, y2, x2) in enumerate(instances.boxes.tolist()):
                mask = np.asfortranarray(full[..., i], np.uint8)
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image,
                        "category_id": abs(int(instances.class_ids[i])),
                        "iscrowd": int(instances.class_ids[i] < 0),
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "score": float(instances.scores[i]),
                        "area": int(mask.sum()),
                        "segmentation": rle.encode(mask),
                    }
                )
        coco = coco_module.COCO()
        coco.dataset = {
            "images": [
                {"id": i + 1, "height": g.image_shape[0], "width": g.image_shape[1]}
                for i, g in enumerate(instances_list)
            ],
            "annotations": annotations,
            "categories": [{"id": c} for c in range(1, class_count)],
        }
        coco.createIndex()
        return coco

    with contextlib.redirect_stdout(io.StringIO()):
        run = COCOeval(data_set(gt_list), data_set(pred_list), iou_type)
        run.params.maxDets = [max_detections]
        run.params.areaRng, run.params.areaRngLbl = run.params.areaRng[:1], ["all"]
        run.evaluate()
        run.accumulate()
    return run.eval["precision"][..., 0, 0]


@given(SEEDS, st.sampled_from(["segm", "bbox"]), st.sampled_from([2, 100]), st.booleans())
@settings(max_examples=40)
def test_coco_ap_equals_pycocotools(scene, seed, iou_type, max_detections, crowds):
    rng = np.random.default_rng(seed)
    images = [scene(int(s), max_count=10, classes=3) for s in rng.integers(0, 2**31, 4)]
    images.append((Instances((40, 50)), Instances((40, 50))))  # an empty image
    gt_list, pred_list = zip(*images, strict=True)
    for gt in gt_list if crowds else ():
        gt.class_ids[rng.random(len(gt)) < 0.4] *= -1
    ours = coco_ap(gt_list, pred_list, 5, iou_type, max_detections)  # no object has class 4
    precision = reference(gt_list, pred_list, 5, iou_type, max_detections)

    def mean(p):
        return p[p > -1].mean() if (p > -1).any() else np.nan

    for name, part in (("AP", slice(None)), ("AP50", slice(0, 1)), ("AP75", slice(5, 6))):
        np.testing.assert_allclose(ours[name], mean(precision[part]), atol=1e-9)
        for c in range(1, 5):
            np.testing.assert_allclose(ours["per_class"][c][name], mean(precision[part, :, c - 1]), atol=1e-9)


@given(SEEDS)
def test_perfect_predictions_give_one(scene, seed):
    gt, _ = scene(seed)
    result = coco_ap([gt], [gt], 3)
    assert np.isnan(result["AP"]) if not len(gt) else result["AP"] == pytest.approx(1)
    assert ap_of_instances(gt, gt, 0.95) == 1


@given(SEEDS)
def test_images_and_predictions_may_come_in_any_order(scene, seed):
    rng = np.random.default_rng(seed)
    images = [scene(int(s)) for s in rng.integers(0, 2**31, 3)]
    # ties of scores are broken by order, so avoid them here
    images = [
        (g, Instances(p.image_shape, p.boxes, p.class_ids, rng.permutation(len(p)) / 100 + k / 1e4, p.masks))
        for k, (g, p) in enumerate(images)
    ]
    order = rng.permutation(3)
    shuffled = [(images[i][0], images[i][1].select(rng.permutation(len(images[i][1])))) for i in order]
    first, second = (coco_ap(*zip(*s, strict=True), 3) for s in (images, shuffled))
    np.testing.assert_allclose(first["AP"], second["AP"], atol=1e-12)


@given(SEEDS)
def test_a_stricter_iou_never_raises_ap(scene, seed):
    gt, pred = scene(seed, separate=True)
    aps = [ap_of_instances(gt, pred, t) for t in IOU_THRESHOLDS]
    assert aps == sorted(aps, reverse=True)


def test_invalid_seven_arguments(random_instances):
    some = random_instances(np.random.default_rng(0), 3, classes=2)
    with pytest.raises(ValueError, match="same images"):
        coco_ap([some], [], 3)
    with pytest.raises(ValueError, match="range 1 to 1"):
        coco_ap([some], [some], 2)
    with pytest.raises(ValueError, match="keypoints"):
        coco_ap([some], [some], 3, "keypoints")
