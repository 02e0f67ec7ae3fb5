# coding: utf-8
# ruff: noqa (in the style of its time)
"""The cells of an "inspect model" notebook as a script: every stage from an image to its detections.

Usage: python inspect_model.py COCO_DIR WEIGHTS LOGS_DIR FIGURES_DIR
Written as a user of Matterport's package would have in 2018; `tests/legacy/test_scripts.py` runs it as it is.
"""

# In[1]:

import os
import sys
import random
import math
import re
import time
import numpy as np
import tensorflow as tf
import matplotlib
import matplotlib.pyplot as plt
import matplotlib.patches as patches

ROOT_DIR = os.path.abspath("../../")
sys.path.append(ROOT_DIR)
from mrcnn import utils
import mrcnn.visualize
from mrcnn import visualize
from mrcnn.visualize import display_images
import mrcnn.model as modellib
from mrcnn.model import log

import coco

COCO_DIR, WEIGHTS, MODEL_DIR, FIGURES_DIR = sys.argv[1:5]
DEVICE = "/cpu:0"
TEST_MODE = "inference"
random.seed(5)
np.random.seed(5)


class InferenceConfig(coco.CocoConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0.1
    DETECTION_MAX_INSTANCES = 30


config = InferenceConfig()
config.display()


def get_ax(rows=1, cols=1, size=4):
    _, ax = plt.subplots(rows, cols, figsize=(size * cols, size * rows))
    return ax


def keep(name):
    plt.savefig(os.path.join(FIGURES_DIR, name + ".png"))
    plt.close("all")


# In[2]: data and model

dataset = coco.CocoDataset()
dataset.load_coco(COCO_DIR, "minival")
dataset.prepare()
print("Images: {}\nClasses: {}".format(len(dataset.image_ids), dataset.class_names))

with tf.device(DEVICE):
    model = modellib.MaskRCNN(mode="inference", model_dir=MODEL_DIR, config=config)
print("Loading weights ", WEIGHTS)
model.load_weights(WEIGHTS, by_name=True)


# In[3]: detection

image_id = random.choice(dataset.image_ids)
image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
    dataset, config, image_id, use_mini_mask=False
)
info = dataset.image_info[image_id]
print("image ID: {}.{} ({}) {}".format(info["source"], info["id"], image_id, dataset.image_reference(image_id)))

results = model.detect([image], verbose=1)
ax = get_ax(1)
r = results[0]
visualize.display_instances(
    image, r["rois"], r["masks"], r["class_ids"], dataset.class_names, r["scores"], ax=ax, title="Predictions"
)
log("gt_class_id", gt_class_id)
log("gt_bbox", gt_bbox)
log("gt_mask", gt_mask)
keep("predictions")

# the same for the molded image, as in the nucleus notebook
molded = modellib.mold_image(image, config)
again = model.detect_molded(np.expand_dims(molded, 0), np.expand_dims(image_meta, 0), verbose=1)[0]
print("detect_molded agrees: ", again["class_ids"].tolist() == r["class_ids"].tolist())
visualize.display_differences(
    image,
    gt_bbox,
    gt_class_id,
    gt_mask,
    r["rois"],
    r["class_ids"],
    r["scores"],
    r["masks"],
    dataset.class_names,
    ax=get_ax(),
    show_box=False,
    show_mask=False,
    iou_threshold=0.5,
    score_threshold=0.1,
)
keep("differences")


# In[4]: precision and recall

AP, precisions, recalls, overlaps = utils.compute_ap(
    gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"]
)
visualize.plot_precision_recall(AP, precisions, recalls)
keep("precision_recall")
visualize.plot_overlaps(gt_class_id, r["class_ids"], r["scores"], overlaps, dataset.class_names)
keep("overlaps")


def compute_batch_ap(image_ids, verbose=1):
    APs = []
    for image_id in image_ids:
        image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
            dataset, config, image_id, use_mini_mask=False
        )
        r = model.detect([image], verbose=0)[0]
        ap = utils.compute_ap_range(
            gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"], verbose=0
        )
        APs.append(ap)
        if verbose:
            image_info = dataset.image_info[image_id]
            meta = modellib.parse_image_meta(image_meta[np.newaxis, ...])
            print("{:3} {}   AP: {:.2f}".format(meta["image_id"][0], image_info["id"], ap))
    return APs


APs = compute_batch_ap(np.random.choice(dataset.image_ids, 3))
print("Mean AP over {} images: {:.4f}".format(len(APs), np.mean(APs)))


# In[5]: stage 1, targets of the RPN

target_rpn_match, target_rpn_bbox = modellib.build_rpn_targets(
    image.shape, model.anchors, gt_class_id, gt_bbox, model.config
)
log("target_rpn_match", target_rpn_match)
log("target_rpn_bbox", target_rpn_bbox)
positive_anchor_ix = np.where(target_rpn_match[:] == 1)[0]
negative_anchor_ix = np.where(target_rpn_match[:] == -1)[0]
neutral_anchor_ix = np.where(target_rpn_match[:] == 0)[0]
positive_anchors = model.anchors[positive_anchor_ix]
negative_anchors = model.anchors[negative_anchor_ix]
neutral_anchors = model.anchors[neutral_anchor_ix]
log("positive_anchors", positive_anchors)
log("negative_anchors", negative_anchors)
log("neutral anchors", neutral_anchors)
refined_anchors = utils.apply_box_deltas(
    positive_anchors, target_rpn_bbox[: positive_anchors.shape[0]] * model.config.RPN_BBOX_STD_DEV
)
log("refined_anchors", refined_anchors)
visualize.draw_boxes(image, boxes=positive_anchors, refined_boxes=refined_anchors, ax=get_ax())
keep("rpn_targets")


# In[6]: stage 1, output of the RPN

pillar = model.keras_model.get_layer("ROI").output
# the name of the node depends on the version of TensorFlow
nms_node = None
for name in [
    "ROI/rpn_non_max_suppression:0",
    "ROI/rpn_non_max_suppression/NonMaxSuppressionV2:0",
    "ROI/rpn_non_max_suppression/NonMaxSuppressionV3:0",
]:
    if nms_node is None:
        nms_node = model.ancestor(pillar, name)

rpn = model.run_graph(
    [image],
    [
        ("rpn_class", model.keras_model.get_layer("rpn_class").output),
        ("pre_nms_anchors", model.ancestor(pillar, "ROI/pre_nms_anchors:0")),
        ("refined_anchors", model.ancestor(pillar, "ROI/refined_anchors:0")),
        ("refined_anchors_clipped", model.ancestor(pillar, "ROI/refined_anchors_clipped:0")),
        ("post_nms_anchor_ix", nms_node),
        ("proposals", model.keras_model.get_layer("ROI").output),
    ],
)

limit = 100
sorted_anchor_ids = np.argsort(rpn["rpn_class"][:, :, 1].flatten())[::-1]
visualize.draw_boxes(image, boxes=model.anchors[sorted_anchor_ids[:limit]], ax=get_ax())
keep("top_anchors")

limit = 50
ax = get_ax(1, 2)
pre_nms_anchors = utils.denorm_boxes(rpn["pre_nms_anchors"][0], image.shape[:2])
refined_anchors = utils.denorm_boxes(rpn["refined_anchors"][0], image.shape[:2])
refined_anchors_clipped = utils.denorm_boxes(rpn["refined_anchors_clipped"][0], image.shape[:2])
visualize.draw_boxes(image, boxes=pre_nms_anchors[:limit], refined_boxes=refined_anchors[:limit], ax=ax[0])
visualize.draw_boxes(image, refined_boxes=refined_anchors_clipped[:limit], ax=ax[1])
keep("refined_anchors")
# the anchors passed to NMS are the best ones, best first
best = utils.denorm_boxes(utils.norm_boxes(model.anchors[sorted_anchor_ids[:5]], image.shape[:2]), image.shape[:2])
print("Best anchors first: ", np.array_equal(best, pre_nms_anchors[:5]))

limit = 50
ixs = rpn["post_nms_anchor_ix"][:limit]
visualize.draw_boxes(image, refined_boxes=refined_anchors_clipped[ixs], ax=get_ax())
keep("after_nms")

h, w = config.IMAGE_SHAPE[:2]
proposals = rpn["proposals"][0, :limit] * np.array([h, w, h, w])
visualize.draw_boxes(image, refined_boxes=proposals, ax=get_ax())
keep("proposals")
kept = rpn["refined_anchors_clipped"][0][rpn["post_nms_anchor_ix"]][:limit]
print("Proposals are what NMS kept: ", np.allclose(kept, rpn["proposals"][0, : len(kept)], atol=1e-6))

iou_threshold = 0.7
for title, boxes in [
    ("anchors", model.anchors),
    ("refined", refined_anchors),
    ("post NMS", utils.denorm_boxes(rpn["proposals"][0], image.shape[:2])),
]:
    recall, positive_ids = utils.compute_recall(boxes, gt_bbox, iou_threshold)
    print("{:10} {:5} Recall: {:.3f}  Positive: {}".format(title, boxes.shape[0], recall, len(positive_ids)))


# In[7]: stage 2, classes and boxes of the proposals

mrcnn = model.run_graph(
    [image],
    [
        ("proposals", model.keras_model.get_layer("ROI").output),
        ("probs", model.keras_model.get_layer("mrcnn_class").output),
        ("deltas", model.keras_model.get_layer("mrcnn_bbox").output),
        ("masks", model.keras_model.get_layer("mrcnn_mask").output),
        ("detections", model.keras_model.get_layer("mrcnn_detection").output),
    ],
)

det_class_ids = mrcnn["detections"][0, :, 4].astype(np.int32)
det_count = np.where(det_class_ids == 0)[0][0]
det_class_ids = det_class_ids[:det_count]
detections = mrcnn["detections"][0, :det_count]
print("{} detections: {}".format(det_count, np.array(dataset.class_names)[det_class_ids]))
captions = [
    "{} {:.3f}".format(dataset.class_names[int(c)], s) if c > 0 else ""
    for c, s in zip(detections[:, 4], detections[:, 5])
]
visualize.draw_boxes(
    image,
    refined_boxes=utils.denorm_boxes(detections[:, :4], image.shape[:2]),
    visibilities=[2] * len(detections),
    captions=captions,
    title="Detections",
    ax=get_ax(),
)
keep("detections")

proposals = utils.denorm_boxes(mrcnn["proposals"][0], image.shape[:2])
roi_class_ids = np.argmax(mrcnn["probs"][0], axis=1)
roi_scores = mrcnn["probs"][0, np.arange(roi_class_ids.shape[0]), roi_class_ids]
roi_class_names = np.array(dataset.class_names)[roi_class_ids]
roi_positive_ixs = np.where(roi_class_ids > 0)[0]
print("{} Valid proposals out of {}".format(np.sum(np.any(proposals, axis=1)), proposals.shape[0]))
print("{} Positive ROIs".format(len(roi_positive_ixs)))
print(list(zip(*np.unique(roi_class_names, return_counts=True))))

limit = 20
ixs = np.random.randint(0, proposals.shape[0], limit)
captions = [
    "{} {:.3f}".format(dataset.class_names[c], s) if c > 0 else "" for c, s in zip(roi_class_ids[ixs], roi_scores[ixs])
]
visualize.draw_boxes(
    image,
    boxes=proposals[ixs],
    visibilities=np.where(roi_class_ids[ixs] > 0, 2, 1),
    captions=captions,
    title="ROIs Before Refinement",
    ax=get_ax(),
)
keep("rois_before")

roi_bbox_specific = mrcnn["deltas"][0, np.arange(proposals.shape[0]), roi_class_ids]
log("roi_bbox_specific", roi_bbox_specific)
refined_proposals = utils.apply_box_deltas(proposals, roi_bbox_specific * config.BBOX_STD_DEV).astype(np.int32)
log("refined_proposals", refined_proposals)
ids = np.random.randint(0, len(roi_positive_ixs), 5) if len(roi_positive_ixs) else []
visualize.draw_boxes(
    image,
    boxes=proposals[roi_positive_ixs][ids],
    refined_boxes=refined_proposals[roi_positive_ixs][ids],
    visibilities=[1] * len(ids),
    title="ROIs After Refinement",
    ax=get_ax(),
)
keep("rois_after")


# In[8]: the filter steps by hand

kept = np.where(roi_class_ids > 0)[0]
print("Keep {} detections:\n{}".format(kept.shape[0], kept))
kept = np.intersect1d(kept, np.where(roi_scores >= config.DETECTION_MIN_CONFIDENCE)[0])
print("Remove boxes below {} confidence. Keep {}:\n{}".format(config.DETECTION_MIN_CONFIDENCE, kept.shape[0], kept))
nms_keep = []
for class_id in np.unique(roi_class_ids[kept]):
    ixs = kept[roi_class_ids[kept] == class_id]
    class_keep = utils.non_max_suppression(refined_proposals[ixs], roi_scores[ixs], config.DETECTION_NMS_THRESHOLD)
    nms_keep = np.union1d(nms_keep, ixs[class_keep]).astype(np.int32)
    print("{:22}: {} -> {}".format(dataset.class_names[class_id][:20], ixs, ixs[class_keep]))
kept = np.intersect1d(kept, nms_keep).astype(np.int32)
print("Kept after per-class NMS: {}\n{}".format(kept.shape[0], kept))


# In[9]: stage 3, masks

limit = 8
display_images(np.transpose(gt_mask[..., :limit], [2, 0, 1]), cmap="Blues")
keep("mask_targets")
det_boxes = utils.denorm_boxes(detections[:, :4], image.shape[:2])
det_mask_specific = np.array([mrcnn["masks"][0, i, :, :, c] for i, c in enumerate(det_class_ids)])
det_masks = np.array([utils.unmold_mask(m, det_boxes[i], image.shape) for i, m in enumerate(det_mask_specific)])
log("det_mask_specific", det_mask_specific)
log("det_masks", det_masks)
display_images(det_mask_specific[:4] * 255, cmap="Blues", interpolation="none")
display_images(det_masks[:4] * 255, cmap="Blues", interpolation="none")
keep("masks")


# In[10]: activations

activations = model.run_graph(
    [image],
    [
        ("input_image", model.keras_model.get_layer("input_image").output),
        ("res3a_out", model.keras_model.get_layer("res3a_out").output),
        ("rpn_bbox", model.keras_model.get_layer("rpn_bbox").output),
        ("roi", model.keras_model.get_layer("ROI").output),
    ],
)
_ = plt.imshow(modellib.unmold_image(activations["input_image"][0], config))
display_images(np.transpose(activations["res3a_out"][0, :, :, :4], [2, 0, 1]))
keep("activations")
plt.figure(figsize=(6, 3))
for i, title in enumerate(["dy", "dx", "dw", "dh"]):
    plt.subplot(1, 4, i + 1)
    plt.title(title)
    _ = plt.hist(activations["rpn_bbox"][0, :, i], 50)
keep("rpn_bbox")

# a molded image with its meta is accepted as well
molded_again = model.run_graph(
    np.expand_dims(molded, 0),
    [("roi", model.keras_model.get_layer("ROI").output)],
    image_metas=np.expand_dims(image_meta, 0),
)
print("Same proposals from the molded image: ", np.allclose(molded_again["roi"], activations["roi"], atol=1e-5))


# In[11]: weights

visualize.display_weight_stats(model)
LAYER_TYPES = ["Conv2D", "Dense", "Conv2DTranspose"]
layers = list(filter(lambda l: l.__class__.__name__ in LAYER_TYPES, model.get_trainable_layers()))
print("{} layers with kernels".format(len(layers)))
fig, ax = plt.subplots(len(layers), 2, figsize=(6, 2 * len(layers)))
for l, layer in enumerate(layers):
    for w, weight in enumerate(layer.get_weights()[:2]):
        ax[l, w].set_title(layer.weights[w].name)
        ax[l, w].hist(weight[:].flatten(), 50)
keep("weights")
