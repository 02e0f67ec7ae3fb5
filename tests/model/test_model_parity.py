"""`mrcnn.model` compared with Matterport's numbers, by Matterport's names: stages, targets and losses."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from mrcnn import model as modellib
from mrcnn import utils
from mrcnn.nets.mask_rcnn import MaskRCNNGraph

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


def load(parity, name):
    with np.load(parity / f"{name}.npz", allow_pickle=False) as archive:
        return dict(archive)


def cases(values):
    for i in range(int(values["cases"])):
        yield (lambda key, i=i: values[f"{key}_{i:02d}"]), f"case {i}"


def array(value):
    return keras.ops.convert_to_numpy(value)


# --- Functions ---
def test_image_meta(parity):
    for case, name in cases(load(parity, "fn_image_meta")):
        parts = ("image_id", "original_image_shape", "image_shape", "window", "scale", "active_class_ids")
        meta = modellib.compose_image_meta(*(case(f"input_{part}") for part in parts))
        np.testing.assert_array_equal(meta, case("output_meta"), err_msg=name)
        parsed = modellib.parse_image_meta(np.stack([meta, meta]))
        in_graph = modellib.parse_image_meta_graph(np.stack([meta, meta]).astype(np.float32))
        for part in parts:
            expected = case(f"output_parsed_{part}")
            assert parsed[part].dtype == expected.dtype
            np.testing.assert_array_equal(parsed[part], expected, err_msg=f"{name}, {part}")
            np.testing.assert_allclose(in_graph[part], expected, rtol=1e-6, err_msg=f"{name}, {part}")


def test_mold_image(parity, reference_config):
    for case, name in cases(load(parity, "fn_mold_image")):
        config = reference_config(MEAN_PIXEL=case("input_mean_pixel"))
        molded = modellib.mold_image(case("input_image"), config)
        np.testing.assert_allclose(molded, case("output_molded"), atol=1e-5, err_msg=name)
        np.testing.assert_array_equal(modellib.unmold_image(molded, config), case("output_unmolded"), err_msg=name)


def test_backbone_shapes(parity, reference_config):
    for case, name in cases(load(parity, "fn_generate_pyramid_anchors")):
        config = reference_config(BACKBONE_STRIDES=case("input_feature_strides").tolist())
        found = modellib.compute_backbone_shapes(config, case("input_image_shape"))
        np.testing.assert_array_equal(found, case("output_feature_shapes"), err_msg=name)


def test_norm_boxes(parity):
    for case, name in cases(load(parity, "fn_norm_denorm_boxes")):
        shape = case("input_shape")
        found = array(modellib.norm_boxes_graph(case("input_boxes_px"), shape))
        np.testing.assert_allclose(found, case("output_norm_boxes"), rtol=1e-6, atol=1e-7, err_msg=name)
        back = array(modellib.denorm_boxes_graph(case("output_norm_boxes"), shape))
        np.testing.assert_array_equal(back, case("output_denorm_of_norm"), err_msg=name)


@pytest.mark.parametrize("exact", [True, False])
def test_rpn_targets(parity, exact, reference_config):
    """Without MATTERPORT_EXACT, only the deltas of anchors that were chosen for another object change."""
    values = load(parity, "fn_build_rpn_targets")
    fixed = 0
    for case, name in cases(values):
        config = reference_config(RPN_TRAIN_ANCHORS_PER_IMAGE=int(case("input_anchors_per_image")))
        config.MATTERPORT_EXACT = exact
        np.random.seed(int(case("input_numpy_seed")))
        match, bbox = modellib.build_rpn_targets(
            case("input_image_shape"), values["anchors"], case("input_gt_class_ids"), case("input_gt_boxes"), config
        )
        np.testing.assert_array_equal(match, case("output_rpn_match"), err_msg=name)
        same = np.isclose(bbox, case("output_rpn_bbox"), rtol=1e-6, atol=1e-9).all(axis=1)
        fixed += np.count_nonzero(~same)
    assert (fixed == 0) if exact else (0 < fixed < 16)


# --- Layers ---
def test_proposals(parity, reference_config):
    for case, name in cases(load(parity, "layer_proposals")):
        config = reference_config(PRE_NMS_LIMIT=int(case("input_pre_nms_limit")))
        layer = modellib.ProposalLayer(
            int(case("input_proposal_count")), float(case("input_nms_threshold")), config=config, name="ROI"
        )
        anchors = np.broadcast_to(case("input_anchors"), (len(case("input_rpn_class")), *case("input_anchors").shape))
        found = array(layer([case("input_rpn_class"), case("input_rpn_bbox"), anchors]))
        np.testing.assert_allclose(found, case("output_proposals"), atol=1e-5, err_msg=name)


def test_roi_align(parity):
    values = load(parity, "layer_pyramid_roi_align")
    maps = [values[f"input_map_P{level}_00"] for level in (2, 3, 4, 5)]
    for case, name in cases(values):
        expected, pool = case("output_pooled"), int(case("input_pool"))
        layer = modellib.PyramidROIAlign([pool, pool])
        found = layer([case("input_boxes"), case("input_image_meta"), *(m[..., : expected.shape[-1]] for m in maps)])
        np.testing.assert_allclose(array(found), expected, atol=1e-5, rtol=1e-5, err_msg=name)


def ordered(rois, class_ids, *others):
    """Rows in the order of the reference: positives, negatives, padding, each sorted by box."""
    kind = np.where(class_ids > 0, 0, np.where(rois.any(axis=1), 1, 2))
    order = np.lexsort((*rois.T[::-1], kind))
    return [v[order] for v in (rois, class_ids, *others)]


def test_detection_targets(parity, reference_config):
    for case, name in cases(load(parity, "layer_detection_targets")):
        config = reference_config(
            TRAIN_ROIS_PER_IMAGE=int(case("input_train_rois_per_image")),
            ROI_POSITIVE_RATIO=float(case("input_roi_positive_ratio")),
            USE_MINI_MASK=bool(case("input_use_mini_mask")),
        )
        inputs = [case(f"input_{n}") for n in ("rois", "gt_class_ids", "gt_boxes", "gt_masks")]
        of_one = modellib.detection_targets_graph(*inputs, config)
        of_batch = modellib.DetectionTargetLayer(config)([v[None] for v in inputs])
        for found in (of_one, [v[0] for v in of_batch]):
            for part, value in zip(("rois", "class_ids", "bbox", "masks"), ordered(*map(array, found))):
                np.testing.assert_allclose(value, case(f"output_{part}"), atol=1e-5, err_msg=f"{name}, {part}")


def test_refined_detections(parity, reference_config):
    for case, name in cases(load(parity, "layer_refine_detections")):
        config = reference_config(
            DETECTION_MIN_CONFIDENCE=float(case("input_min_confidence")),
            DETECTION_NMS_THRESHOLD=float(case("input_nms_threshold")),
            DETECTION_MAX_INSTANCES=int(case("input_max_instances")),
        )
        inputs = [case(f"input_{n}") for n in ("rois", "mrcnn_class", "mrcnn_bbox", "window")]
        found = array(modellib.refine_detections_graph(*inputs, config))
        np.testing.assert_allclose(found, case("output_detections"), atol=1e-5, err_msg=name)


def test_losses(parity, reference_config):
    for case, name in cases(load(parity, "layer_losses")):
        found = {
            "rpn_class": modellib.rpn_class_loss_graph(case("input_rpn_match"), case("input_rpn_class_logits")),
            "rpn_bbox": modellib.rpn_bbox_loss_graph(
                reference_config(), case("input_target_rpn_bbox"), case("input_rpn_match"), case("input_rpn_bbox")
            ),
            "mrcnn_class": modellib.mrcnn_class_loss_graph(
                case("input_target_class_ids"), case("input_mrcnn_class_logits"), case("input_active_class_ids")
            ),
            "mrcnn_bbox": modellib.mrcnn_bbox_loss_graph(
                case("input_target_bbox"), case("input_target_class_ids"), case("input_mrcnn_bbox")
            ),
            "mrcnn_mask": modellib.mrcnn_mask_loss_graph(
                case("input_target_mask"), case("input_target_class_ids"), case("input_mrcnn_mask")
            ),
        }
        for loss, value in found.items():
            expected = case(f"output_{loss}_loss")
            np.testing.assert_allclose(float(value), expected, atol=1e-5, rtol=1e-5, err_msg=f"{name}, {loss}")


# --- The whole network at detection ---
@pytest.fixture(scope="module")
def detector(reference_weights, tmp_path_factory, reference_config):
    model = modellib.MaskRCNN("inference", reference_config(), str(tmp_path_factory.mktemp("logs")))
    model.load_weights(str(reference_weights("resnet50")), by_name=True)
    return model


def test_anchors(detector, parity):
    stored = load(parity, "anchors_256")
    np.testing.assert_allclose(detector.get_anchors((256, 256, 3)), stored["anchors"], atol=1e-7)
    np.testing.assert_allclose(detector.anchors, stored["anchors_px"], atol=1e-9)


LAYERS = ("rpn_class", "rpn_bbox", "ROI", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask", "mrcnn_detection", "input_image")


@pytest.mark.parametrize("image", [0, 1, 2])
def test_every_stage_by_run_graph(detector, parity, image):
    stored = load(parity, f"model_resnet50_image{image}")
    outputs = [(name, detector.keras_model.get_layer(name).output) for name in LAYERS]
    pillar = detector.keras_model.get_layer("ROI").output
    clipped = detector.ancestor(pillar, "ROI/refined_anchors_clipped:0")
    kept = detector.ancestor(pillar, "ROI/rpn_non_max_suppression/NonMaxSuppressionV3:0")
    maps = [("C2", "res2c_out"), ("P2", "fpn_p2"), ("P5", "fpn_p5")]
    found = detector.run_graph([stored["image"]], [*outputs, *maps, ("clipped", clipped), ("kept", kept)])
    np.testing.assert_allclose(found["input_image"][0], stored["molded"], atol=1e-4)
    for name, _ in maps:
        h, w, c = (max(1, n // k) for n, k in zip(found[name].shape[1:], (8, 8, 16)))
        np.testing.assert_allclose(found[name][0, ::h, ::w, ::c], stored[f"{name}_sample"], atol=5e-5, err_msg=name)
    np.testing.assert_allclose(found["rpn_class"][0], stored["rpn_class"], atol=2e-5)
    np.testing.assert_allclose(found["rpn_bbox"][0], stored["rpn_bbox"], atol=5e-5)
    np.testing.assert_allclose(found["ROI"][0], stored["rois"], atol=1e-5)
    assert found["kept"].ndim == 1
    np.testing.assert_allclose(found["clipped"][0][found["kept"]], stored["rois"][: len(found["kept"])], atol=1e-5)
    # A sample at the far edge may be on either side of it by one ulp; such regions are excluded.
    inside = ~stored["rois_touch_far_edge"].any(axis=1)
    np.testing.assert_allclose(found["mrcnn_class"][0, inside], stored["mrcnn_class"][inside], atol=3e-5)
    np.testing.assert_allclose(found["mrcnn_bbox"][0, inside], stored["mrcnn_bbox"][inside], atol=1e-4)
    if ON_TENSORFLOW:
        np.testing.assert_allclose(found["mrcnn_detection"][0], stored["detections"], atol=2e-5)
        count = len(stored["mrcnn_mask"])
        sure = np.flatnonzero(~stored["detections_touch_far_edge"][:count].any(axis=1))
        np.testing.assert_allclose(found["mrcnn_mask"][0, sure], stored["mrcnn_mask"][sure], atol=5e-5)
        check_detections(detector, stored, found)


def check_detections(detector, stored, found):
    """`detect` and `unmold_detections` return the same objects as the original."""
    molded, metas, windows = detector.mold_inputs([stored["image"]])
    masks_shape = tuple(stored["detect_masks_shape"])
    masks = np.unpackbits(stored["detect_masks_packed"])[: np.prod(masks_shape)].reshape(masks_shape).astype(bool)
    result = detector.detect([stored["image"]], verbose=1)[0]
    unmolded = detector.unmold_detections(
        found["mrcnn_detection"][0], found["mrcnn_mask"][0], stored["image"].shape, molded[0].shape, windows[0]
    )
    for rois, class_ids, scores, own_masks in ([result[k] for k in ("rois", "class_ids", "scores", "masks")], unmolded):
        np.testing.assert_array_equal(rois, stored["detect_rois"])
        np.testing.assert_array_equal(class_ids, stored["detect_class_ids"])
        np.testing.assert_allclose(scores, stored["detect_scores"], atol=3e-5)
        assert own_masks.shape == masks.shape and (own_masks == masks).mean() >= 0.999
    in_molded = detector.detect_molded(molded, metas)[0]
    np.testing.assert_array_equal(in_molded["class_ids"], stored["detect_class_ids"])
    assert in_molded["masks"].shape[:2] == molded.shape[1:3]


# --- A batch of the original's generator ---
@pytest.fixture(scope="module")
def batch(parity):
    """The reference batch in the order of `data_generator`, and the numbers of the reference."""
    stored = load(parity, "train_batch")
    images = stored["input_images_uint8"].astype(np.float32) - np.array([123.7, 116.8, 103.9], np.float32)
    names = ("image_metas", "rpn_match", "rpn_bbox", "gt_class_ids", "gt_boxes", "gt_masks", "rois")
    return [images, *(stored[f"input_{n}"] for n in names)], stored


@pytest.fixture(scope="module")
def trainer(reference_weights, tmp_path_factory, reference_config):
    model = modellib.MaskRCNN("training", reference_config(training=True), str(tmp_path_factory.mktemp("logs")))
    model.load_weights(str(reference_weights("resnet50")), by_name=True)
    return model


def test_a_batch_of_the_generator_gives_the_originals_losses(trainer, batch, parity):
    inputs, stored = batch
    outputs = [array(v) for v in trainer.keras_model(inputs)]
    np.testing.assert_allclose(outputs[-5:], stored["losses"], atol=2e-6)
    np.testing.assert_allclose(outputs[0][:, ::16], stored["rpn_class_logits_sample"], atol=5e-5)
    np.testing.assert_allclose(outputs[2][:, ::16], stored["rpn_bbox_sample"], atol=5e-5)
    rois = outputs[8]
    assert rois.shape == stored["target_rois"].shape and outputs[6].shape[:2] == rois.shape[:2]
    for image, (positives, negatives) in enumerate(stored["target_counts"]):
        order = np.lexsort(rois[image, :positives].T[::-1])
        np.testing.assert_allclose(rois[image, order], stored["target_rois"][image, :positives], atol=1e-6)
        logits = outputs[3][image, order]
        np.testing.assert_allclose(logits, stored["mrcnn_class_logits"][image, :positives], atol=1e-4)
        assert rois[image].any(axis=1).sum() == positives + negatives
    steps = load(parity, "train_steps")
    check_odd_batches(trainer.keras_model, inputs, steps)


def check_odd_batches(keras_model, inputs, steps):
    def losses(**changes):
        names = ("images", "metas", "match", "bbox", "class_ids", "boxes", "masks", "rois")
        changed = [changes.get(n, v) for n, v in zip(names, inputs)]
        return [float(v) for v in keras_model(changed)[-5:]]

    inactive, in_second = inputs[1].copy(), inputs[1].copy()
    inactive[:, 13], in_second[1, 13] = 0, 0
    np.testing.assert_allclose(losses(metas=inactive), steps["losses_class1_inactive"], atol=1e-5)
    np.testing.assert_allclose(losses(match=np.zeros_like(inputs[2])), steps["losses_no_rpn_anchor"], atol=1e-5)
    nothing = {"class_ids": np.zeros_like(inputs[4]), "boxes": np.zeros_like(inputs[5]),
               "masks": np.zeros_like(inputs[6])}  # fmt: skip
    np.testing.assert_allclose(losses(**nothing), steps["losses_no_ground_truth"], atol=1e-5)
    # The original used the active classes of the first image also for the second image.
    found, wrong = losses(metas=in_second), steps["losses_class1_inactive_in_second_image_only"]
    np.testing.assert_allclose(np.delete(found, 2), np.delete(wrong, 2), atol=1e-5)
    assert abs(found[2] - wrong[2]) > 1e-3


def test_steps_of_sgd_on_batches_of_the_generator(trainer, batch, parity):
    steps, (inputs, _) = load(parity, "train_steps"), batch
    trainer.set_trainable("heads", verbose=0)
    trainer.compile(float(steps["learning_rate"]), float(steps["momentum"]))
    trainer.keras_model.train_on_batch(inputs, [])
    if hasattr(trainer.keras_model, "jax_state_sync"):
        trainer.keras_model.jax_state_sync()
    found = [float(v) for v in trainer.keras_model(inputs)[-5:]]
    np.testing.assert_allclose(found, steps["heads_global_losses_after_1"][:5], atol=1e-4)


class TwoImages(utils.Dataset):
    """A fake data set for the images of the reference batch, which are arrays."""

    def __init__(self):
        super().__init__()
        for class_id in (1, 2):
            self.add_class("reference", class_id, f"class {class_id}")
        for image_id in range(2):
            self.add_image("reference", image_id, None)
        self.prepare()

    def load_image(self, image_id):
        return np.zeros((256, 256, 3), np.uint8)

    def load_mask(self, image_id):
        return np.ones((256, 256, 1), bool), np.ones(1, np.int32)


def test_training_runs_give_the_originals_losses(
    batch, parity, reference_weights, reference_config, tmp_path, monkeypatch
):
    """`train` with its compiled step, optimizer and logs; only the random choices of the original are given."""
    stored, steps = batch[1], load(parity, "train_steps")
    names = ("image_metas", "rpn_match", "rpn_bbox", "gt_class_ids", "gt_boxes", "gt_masks")
    arrays = {
        "input_image": batch[0][0],
        **{f"input_{name.replace('metas', 'meta')}": stored[f"input_{name}"] for name in names},
        "input_roi": stored["input_rois"],
        "input_has_masks": np.ones(2, bool),
    }
    kinds = {"input_rpn_match": np.int32, "input_rpn_bbox": np.float32, "input_gt_boxes": np.float32}
    arrays = {name: value.astype(kinds.get(name, value.dtype)) for name, value in arrays.items()}
    monkeypatch.setattr("mrcnn.training.batches.SampleBatches.arrays_of", lambda batches, epoch, step: (arrays,))
    build = MaskRCNNGraph.training_model
    monkeypatch.setattr(MaskRCNNGraph, "training_model", lambda graph, *_: build(graph, given_rpn_targets=True))
    settings = {"STEPS_PER_EPOCH": 1, "LEARNING_MOMENTUM": float(steps["momentum"]), "MATTERPORT_EXACT": True}
    config = reference_config(training=True, **settings)
    model = modellib.MaskRCNN("training", config, str(tmp_path))
    model.load_weights(str(reference_weights("resnet50")), by_name=True)
    model.train(TwoImages(), None, learning_rate=float(steps["learning_rate"]), epochs=6, layers="heads")
    history = pd.read_csv(Path(model.log_dir) / "history.csv")
    losses = ["rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"]
    assert [str(v) for v in steps["loss_columns"][:5]] == losses
    # One pixel that is half covered by an outline, in 13 masks of 28 x 28 pixels, changes the loss by 1.2e-4.
    pixel = np.array([0, 0, 0, 0, 1.3e-4])
    for epoch, key, tolerance in ((0, "before", 2e-6), (1, "after_1", 1e-4), (5, "after_5", 5e-4)):
        difference = np.abs(history[losses].iloc[epoch] - steps[f"heads_global_losses_{key}"][:5])
        assert (difference <= tolerance + pixel).all(), (key, difference)
    np.testing.assert_allclose(history["loss"], history[losses].sum(axis=1), rtol=1e-5)
