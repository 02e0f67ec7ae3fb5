"""The whole network at inference, compared with the original stage by stage, with the same weight file."""

import keras
import numpy as np
import pytest

from mrcnn.geometry.boxes import norm_boxes
from mrcnn.nets.mask_rcnn import MaskRCNNGraph, pyramid_anchors
from mrcnn.weights.load import load_weights


def sampled(array):
    height, width, channels = array.shape
    return array[:: max(1, height // 8), :: max(1, width // 8), :: max(1, channels // 16)]


@pytest.fixture(scope="module", params=["resnet50", "resnet101"])
def network(request, reference_weights, reference_config):
    config = reference_config(MATTERPORT_EXACT=True, BACKBONE=request.param)
    graph = MaskRCNNGraph(config)
    model = graph.inference_model()
    report = load_weights(model, reference_weights(request.param))
    assert len(report.loaded) == len(model.weights) == {"resnet50": 384, "resnet101": 690}[request.param]
    assert not report.missing and not report.skipped and not report.mismatched
    last = {"resnet50": "f", "resnet101": "w"}[request.param]
    names = dict(
        C1="pool1",
        C2="res2c_out",
        C3="res3d_out",
        C4=f"res4{last}_out",
        C5="res5c_out",
        **{f"P{i}": f"fpn_p{i}" for i in range(2, 7)},
    )
    inner = keras.Model(
        model.inputs,
        {
            **{k: model.get_layer(n).output for k, n in names.items()},
            "logits": graph.rpn_logits,
            "class_logits": graph._inference["mrcnn_class_logits"],
        },
    )
    anchors = norm_boxes(pyramid_anchors(config, (256, 256)), (256, 256)).astype(np.float32)[None]
    return request.param, model, inner, anchors


@pytest.mark.parametrize("image", [0, 1, 2])
def test_every_stage(network, parity, image):
    backbone, model, inner, anchors = network
    path = parity / f"model_{backbone}_image{image}.npz"
    if not path.exists():
        assert (backbone, image) in {("resnet101", 1), ("resnet101", 2)}, "the reference has one image for resnet101"
        return
    with np.load(path, allow_pickle=False) as archive:
        expected = dict(archive)
    inputs = [expected["molded"][None], expected["meta"][None].astype(np.float32), anchors]
    stages = {k: np.asarray(v)[0] for k, v in inner.predict_on_batch(inputs).items()}
    for name in ("C1", "C2", "C3", "C4", "C5", "P2", "P3", "P4", "P5", "P6"):
        np.testing.assert_allclose(sampled(stages[name]), expected[f"{name}_sample"], atol=5e-5, err_msg=name)
    np.testing.assert_allclose(stages["logits"], expected["rpn_class_logits"], atol=5e-5)
    detections, classes, boxes, masks, rois, rpn_class, rpn_bbox = (
        np.asarray(v)[0] for v in model.predict_on_batch(inputs)
    )
    np.testing.assert_allclose(rpn_class, expected["rpn_class"], atol=2e-5)
    np.testing.assert_allclose(rpn_bbox, expected["rpn_bbox"], atol=5e-5)
    np.testing.assert_allclose(rois, expected["rois"], atol=1e-5)
    # A sample at the far edge may be on either side of it by one ulp; such regions are excluded.
    inside = ~expected["rois_touch_far_edge"].any(axis=1)
    np.testing.assert_allclose(stages["class_logits"][inside], expected["mrcnn_class_logits"][inside], atol=1e-4)
    np.testing.assert_allclose(classes[inside], expected["mrcnn_class"][inside], atol=3e-5)
    np.testing.assert_allclose(boxes[inside], expected["mrcnn_bbox"][inside], atol=1e-4)
    kept = len(expected["mrcnn_mask"])
    sure = np.flatnonzero(~expected["detections_touch_far_edge"][:kept].any(axis=1))
    distance = np.abs(detections[None, :, :] - expected["detections"][sure, None, :]).max(axis=2)
    assert (distance.min(axis=1) <= 2e-5).all()
    np.testing.assert_allclose(masks[distance.argmin(axis=1)], expected["mrcnn_mask"][sure], atol=5e-5)
    # Apart from these, only detections that touch the far edge may differ, and none may be lost or added.
    kept_here = detections[detections[:, 4] > 0]
    nearest = np.abs(kept_here[:, None, :] - expected["detections"][None, :kept, :]).max(axis=2).min(axis=1)
    others = kept_here[nearest > 2e-5]
    assert len(kept_here) == kept
    assert (np.abs(others[:, 2:4] - 1) < 1e-6).any(axis=1).all()
