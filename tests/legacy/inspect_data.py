# coding: utf-8
# ruff: noqa (in the style of its time)
"""The cells of an "inspect data" notebook as a script: how the data set is passed to the network.

Usage: python inspect_data.py BALLOON_DIR FIGURES_DIR
Written as a user of Matterport's package would have in 2018; `tests/legacy/test_scripts.py` runs it as it is.
"""

# In[1]:

import os
import sys
import itertools
import math
import logging
import json
import re
import random
from collections import OrderedDict
import numpy as np
import matplotlib
import matplotlib.pyplot as plt
import matplotlib.patches as patches
import matplotlib.lines as lines
from matplotlib.patches import Polygon

ROOT_DIR = os.path.abspath("../../")
sys.path.append(ROOT_DIR)
from mrcnn import utils
from mrcnn import visualize
from mrcnn.visualize import display_images
import mrcnn.model as modellib
from mrcnn.model import log

import balloon

DATA_DIR, FIGURES_DIR = sys.argv[1:3]
random.seed(3)
np.random.seed(3)


def keep(name):
    plt.savefig(os.path.join(FIGURES_DIR, name + ".png"))
    plt.close("all")


# In[2]: settings


class DataConfig(balloon.BalloonConfig):
    TRAIN_ROIS_PER_IMAGE = 20
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64


config = DataConfig()


# In[3]: the data set

dataset = balloon.BalloonDataset()
dataset.load_balloon(DATA_DIR, "train")
dataset.prepare()

print("Image Count: {}".format(len(dataset.image_ids)))
print("Class Count: {}".format(dataset.num_classes))
for i, info in enumerate(dataset.class_info):
    print("{:3}. {:50}".format(i, info["name"]))


# In[4]: some images and their masks

for image_id in np.random.choice(dataset.image_ids, 4):
    image = dataset.load_image(image_id)
    mask, class_ids = dataset.load_mask(image_id)
    visualize.display_top_masks(image, mask, class_ids, dataset.class_names)
keep("top_masks")


# In[5]: boxes are computed from the masks

image_id = random.choice(dataset.image_ids)
image = dataset.load_image(image_id)
mask, class_ids = dataset.load_mask(image_id)
bbox = utils.extract_bboxes(mask)
print("image_id ", image_id, dataset.image_reference(image_id))
log("image", image)
log("mask", mask)
log("class_ids", class_ids)
log("bbox", bbox)
visualize.display_instances(image, bbox, mask, class_ids, dataset.class_names)
keep("instances")


# In[6]: the same size for all images, padded with zeros

image_id = np.random.choice(dataset.image_ids, 1)[0]
image = dataset.load_image(image_id)
mask, class_ids = dataset.load_mask(image_id)
original_shape = image.shape
image, window, scale, padding, _ = utils.resize_image(
    image, min_dim=config.IMAGE_MIN_DIM, max_dim=config.IMAGE_MAX_DIM, mode=config.IMAGE_RESIZE_MODE
)
mask = utils.resize_mask(mask, scale, padding)
bbox = utils.extract_bboxes(mask)
print("Original shape: ", original_shape)
log("image", image)
log("mask", mask)
assert image.shape[:2] == mask.shape[:2] == (64, 64)
visualize.display_instances(image, bbox, mask, class_ids, dataset.class_names)
keep("resized")


# In[7]: mini masks

image_id = np.random.choice(dataset.image_ids, 1)[0]
image, image_meta, class_ids, bbox, mask = modellib.load_image_gt(dataset, config, image_id, use_mini_mask=False)
log("image", image)
log("image_meta", image_meta)
log("class_ids", class_ids)
log("bbox", bbox)
log("mask", mask)
display_images([image] + [mask[:, :, i] for i in range(min(mask.shape[-1], 7))])
keep("full_masks")

image, image_meta, class_ids, bbox, mask = modellib.load_image_gt(
    dataset, config, image_id, augment=True, use_mini_mask=True
)
log("mask", mask)
assert mask.shape[:2] == tuple(config.MINI_MASK_SHAPE)
display_images([image] + [mask[:, :, i] for i in range(min(mask.shape[-1], 7))])
mask = utils.expand_mask(bbox, mask, image.shape)
assert mask.shape[:2] == image.shape[:2]
visualize.display_instances(image, bbox, mask, class_ids, dataset.class_names)
keep("expanded")


# In[8]: anchors

backbone_shapes = modellib.compute_backbone_shapes(config, config.IMAGE_SHAPE)
anchors = utils.generate_pyramid_anchors(
    config.RPN_ANCHOR_SCALES,
    config.RPN_ANCHOR_RATIOS,
    backbone_shapes,
    config.BACKBONE_STRIDES,
    config.RPN_ANCHOR_STRIDE,
)
num_levels = len(backbone_shapes)
anchors_per_cell = len(config.RPN_ANCHOR_RATIOS)
print("Count: ", anchors.shape[0])
print("Scales: ", config.RPN_ANCHOR_SCALES)
print("Ratios: ", config.RPN_ANCHOR_RATIOS)
print("Anchors per Cell: ", anchors_per_cell)
print("Levels: ", num_levels)
anchors_per_level = []
for l in range(num_levels):
    cells = backbone_shapes[l][0] * backbone_shapes[l][1]
    anchors_per_level.append(anchors_per_cell * cells // config.RPN_ANCHOR_STRIDE**2)
    print("Anchors in Level {}: {}".format(l, anchors_per_level[l]))
assert sum(anchors_per_level) == len(anchors)

# the anchors of the middle cell of every level
image, image_meta, _, _, _ = modellib.load_image_gt(dataset, config, 0)
fig, ax = plt.subplots(1, figsize=(5, 5))
ax.imshow(image)
for level in range(num_levels):
    colors = visualize.random_colors(num_levels)
    start = sum(anchors_per_level[:level])
    center = backbone_shapes[level] // 2
    here = start + int((center[0] * backbone_shapes[level][1] + center[1]) * anchors_per_cell)
    for i, rect in enumerate(anchors[here : here + anchors_per_cell]):
        y1, x1, y2, x2 = rect
        ax.add_patch(
            patches.Rectangle(
                (x1, y1),
                x2 - x1,
                y2 - y1,
                linewidth=2,
                facecolor="none",
                edgecolor=(i + 1) * np.array(colors[level]) / anchors_per_cell,
            )
        )
keep("anchors")


# In[9]: the generator

random_rois = 60
g = modellib.data_generator(
    dataset, config, shuffle=True, random_rois=random_rois, batch_size=4, detection_targets=True
)

if random_rois:
    (
        [normalized_images, image_meta, rpn_match, rpn_bbox, gt_class_ids, gt_boxes, gt_masks, rpn_rois, rois],
        [mrcnn_class_ids, mrcnn_bbox, mrcnn_mask],
    ) = next(g)
    log("rois", rois)
    log("mrcnn_class_ids", mrcnn_class_ids)
    log("mrcnn_bbox", mrcnn_bbox)
    log("mrcnn_mask", mrcnn_mask)
else:
    [normalized_images, image_meta, rpn_match, rpn_bbox, gt_class_ids, gt_boxes, gt_masks], _ = next(g)

log("gt_class_ids", gt_class_ids)
log("gt_boxes", gt_boxes)
log("gt_masks", gt_masks)
log("rpn_match", rpn_match)
log("rpn_bbox", rpn_bbox)
image_id = modellib.parse_image_meta(image_meta)["image_id"][0]
print("image_id: ", image_id, dataset.image_reference(image_id))

# Keras needed targets with the same number of dimensions as the outputs; drop the extra one
mrcnn_class_ids = mrcnn_class_ids[:, :, 0]


# In[10]: which anchors were chosen

b = 0
sample_image = modellib.unmold_image(normalized_images[b], config)
indices = np.where(rpn_match[b] == 1)[0]
refined_anchors = utils.apply_box_deltas(anchors[indices], rpn_bbox[b, : len(indices)] * config.RPN_BBOX_STD_DEV)
log("anchors", anchors)
log("refined_anchors", refined_anchors)
# after refinement each anchor is the box of its object
for box in refined_anchors:
    nearest = np.abs(gt_boxes[b] - box).max(axis=1).min()
    assert nearest < 1, nearest

positive_anchor_ids = np.where(rpn_match[b] == 1)[0]
print("Positive anchors: {}".format(len(positive_anchor_ids)))
negative_anchor_ids = np.where(rpn_match[b] == -1)[0]
print("Negative anchors: {}".format(len(negative_anchor_ids)))
neutral_anchor_ids = np.where(rpn_match[b] == 0)[0]
print("Neutral anchors: {}".format(len(neutral_anchor_ids)))

for c, n in zip(dataset.class_names, np.bincount(mrcnn_class_ids[b].flatten())):
    if n:
        print("{:23}: {}".format(c[:20], n))

fig, ax = plt.subplots(1, figsize=(5, 5))
visualize.draw_boxes(sample_image, boxes=anchors[positive_anchor_ids], refined_boxes=refined_anchors, ax=ax)
visualize.draw_boxes(sample_image, boxes=anchors[negative_anchor_ids])
visualize.draw_boxes(sample_image, boxes=anchors[np.random.choice(neutral_anchor_ids, 20)])
keep("chosen_anchors")


# In[11]: regions and the targets of the heads

if random_rois:
    bbox_specific = mrcnn_bbox[b, np.arange(mrcnn_bbox.shape[1]), mrcnn_class_ids[b], :]
    refined_rois = utils.apply_box_deltas(rois[b].astype(np.float32), bbox_specific[:, :4] * config.BBOX_STD_DEV)
    mask_specific = mrcnn_mask[b, np.arange(mrcnn_mask.shape[1]), :, :, mrcnn_class_ids[b]]
    visualize.draw_rois(sample_image, rois[b], refined_rois, mask_specific, mrcnn_class_ids[b], dataset.class_names)
    keep("rois")

    rows = np.ascontiguousarray(rois[b]).view(np.dtype((np.void, rois.dtype.itemsize * rois.shape[-1])))
    _, idx = np.unique(rows, return_index=True)
    print("Unique ROIs: {} out of {}".format(len(idx), rois.shape[1]))

    ids = random.sample(range(rois.shape[1]), 8)
    images, titles = [], []
    for i in ids:
        images.append(visualize.draw_box(sample_image.copy(), rois[b, i, :4].astype(np.int32), [255, 0, 0]))
        titles.append("ROI {}".format(i))
        images.append(mask_specific[i] * 255)
        titles.append(dataset.class_names[mrcnn_class_ids[b, i]][:20])
    display_images(images, titles, cols=4, cmap="Blues", interpolation="none")
    keep("rois_and_masks")


# In[12]: how many of the regions are positive

if random_rois:
    limit = 5
    temp_g = modellib.data_generator(
        dataset, config, shuffle=True, random_rois=200, batch_size=1, detection_targets=True
    )
    total = 0
    for i in range(limit):
        _, [ids, _, _] = next(temp_g)
        positive_rois = np.sum(ids[0] > 0)
        total += positive_rois
        print("{:5} {:5.2f}".format(positive_rois, positive_rois / ids.shape[1]))
    print("Average percent: {:.2f}".format(total / (limit * ids.shape[1])))


# In[13]: without shuffling an epoch contains every image once

g = modellib.data_generator(dataset, config, shuffle=False, batch_size=1)
seen = [int(modellib.parse_image_meta(next(g)[0][1])["image_id"][0]) for _ in dataset.image_ids]
print("Order: ", seen)
