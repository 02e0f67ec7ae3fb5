"""Every layer, compared with the results of the functions of the original network."""

import numpy as np
import pytest
from keras import ops

from mrcnn.layers.detection_targets import DetectionTargetLayer
from mrcnn.layers.detections import refine_detections
from mrcnn.layers.proposals import ProposalLayer
from mrcnn.layers.roi_align import pyramid_roi_align
from mrcnn.losses import detection as losses

STD = (0.1, 0.1, 0.2, 0.2)


def load(parity, name):
    with np.load(parity / f"{name}.npz", allow_pickle=False) as archive:
        return dict(archive)


def cases(values):
    for i in range(int(values["cases"])):
        yield (lambda key, i=i: values[f"{key}_{i:02d}"]), i


def test_proposals(parity):
    for case, i in cases(load(parity, "layer_proposals")):
        layer = ProposalLayer(
            int(case("input_proposal_count")), float(case("input_nms_threshold")), int(case("input_pre_nms_limit")), STD
        )
        found = ops.convert_to_numpy(
            layer([case("input_rpn_class"), case("input_rpn_bbox"), case("input_anchors")[None]])
        )
        np.testing.assert_allclose(found, case("output_proposals"), atol=1e-5, err_msg=f"case {i}")


def test_roi_align(parity):
    values = load(parity, "layer_pyramid_roi_align")
    maps = [values[f"input_map_P{level}_00"] for level in (2, 3, 4, 5)]
    for case, i in cases(values):
        expected = case("output_pooled")
        meta = case("input_image_meta")
        found = pyramid_roi_align(
            case("input_boxes"),
            [m[..., : expected.shape[-1]] for m in maps],
            int(case("input_pool")),
            (meta[0, 4], meta[0, 5]),
        )
        np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-5, rtol=1e-5, err_msg=f"case {i}")


def test_refine_detections(parity):
    for case, i in cases(load(parity, "layer_refine_detections")):
        found = refine_detections(
            case("input_rois")[None],
            case("input_mrcnn_class")[None],
            case("input_mrcnn_bbox")[None],
            case("input_window")[None],
            int(case("input_max_instances")),
            float(case("input_min_confidence")),
            float(case("input_nms_threshold")),
            STD,
            exact=True,
        )
        np.testing.assert_allclose(
            ops.convert_to_numpy(found)[0], case("output_detections"), atol=1e-5, err_msg=f"case {i}"
        )


def ordered(sign, *arrays):
    """Rows in the order of the reference: positives, negatives, padding, each sorted by box."""
    boxes = arrays[0]
    order = np.lexsort((*boxes.T[::-1], -sign))
    return [a[order] for a in arrays]


def test_detection_targets(parity):
    for case, i in cases(load(parity, "layer_detection_targets")):
        count, ratio = int(case("input_train_rois_per_image")), float(case("input_roi_positive_ratio"))
        layer = DetectionTargetLayer(
            count, int(count * ratio), ratio, STD, (28, 28), bool(case("input_use_mini_mask")), exact=True, seed=0
        )
        outputs = layer(
            [
                case("input_rois")[None],
                case("input_gt_class_ids")[None],
                case("input_gt_boxes")[None],
                case("input_gt_masks")[None],
            ]
        )
        rois, match, class_ids, deltas, masks, _ = (ops.convert_to_numpy(v)[0] for v in outputs)
        full_masks = np.zeros((count, *masks.shape[1:]), np.float32)
        full_masks[: len(masks)] = masks
        sign = np.where(match == 1, 2, np.where(match == -1, 1, 0))
        found = ordered(sign, rois, class_ids, deltas, full_masks)
        for name, value in zip(("rois", "class_ids", "bbox", "masks"), found):
            np.testing.assert_allclose(value, case(f"output_{name}"), atol=1e-5, err_msg=f"case {i}, {name}")


@pytest.mark.parametrize("name", ["rpn_class", "rpn_bbox", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask"])
def test_losses(parity, name):
    for case, i in cases(load(parity, "layer_losses")):
        match = case("input_rpn_match")[..., 0].astype(np.int32)
        class_ids = case("input_target_class_ids").astype(np.int32)
        if name == "rpn_class":
            found = losses.rpn_class_loss(match, case("input_rpn_class_logits"))
        elif name == "rpn_bbox":
            target, predicted = case("input_target_rpn_bbox"), case("input_rpn_bbox")
            dense = np.zeros_like(predicted)
            for image in range(len(match)):
                positive = np.flatnonzero(match[image] == 1)
                dense[image, positive] = target[image, : len(positive)]
            found = losses.rpn_bbox_loss(dense, match, predicted)
        elif name == "mrcnn_class":
            found = losses.mrcnn_class_loss(
                class_ids, case("input_mrcnn_class_logits"), case("input_active_class_ids"), None, exact=True
            )
        elif name == "mrcnn_bbox":
            found = losses.mrcnn_bbox_loss(case("input_target_bbox"), class_ids, case("input_mrcnn_bbox"))
        else:
            found = losses.mrcnn_mask_loss(
                case("input_target_mask").astype(np.float32), class_ids, case("input_mrcnn_mask")
            )
        np.testing.assert_allclose(float(found), case(f"output_{name}_loss"), atol=1e-5, rtol=1e-5, err_msg=f"case {i}")
