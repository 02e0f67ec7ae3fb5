# coding: utf-8
# ruff: noqa (in the style of its time)
"""A toy notebook as a script: squares, discs and triangles, two stages of training, detection, mAP.

Usage: python shapes.py LOGS_DIR STEPS EPOCHS
Written as a user of Matterport's package would have in 2018; `tests/legacy/test_scripts.py` runs it as it is.
"""

# In[1]:

import os
import random
import sys

import matplotlib.pyplot as plt
import numpy as np
import skimage.draw

ROOT_DIR = os.path.abspath("../../")
sys.path.append(ROOT_DIR)  # the folder of mrcnn

from mrcnn.config import Config
from mrcnn import utils
import mrcnn.model as modellib
from mrcnn import visualize
from mrcnn.model import log

from small_backbone import small_backbone, small_backbone_shape

MODEL_DIR = sys.argv[1]
random.seed(7)
np.random.seed(7)


# In[2]:


class ShapesConfig(Config):
    """Settings for images of 64 x 64 pixels with one to three shapes."""

    NAME = "shapes"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 3  # background first

    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)

    BACKBONE = staticmethod(small_backbone)
    COMPUTE_BACKBONE_SHAPE = staticmethod(small_backbone_shape)
    TOP_DOWN_PYRAMID_SIZE = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 64
    MASK_POOL_SIZE = 7
    MASK_SHAPE = [14, 14]
    MINI_MASK_SHAPE = (28, 28)

    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    POST_NMS_ROIS_TRAINING = 100
    POST_NMS_ROIS_INFERENCE = 50
    TRAIN_ROIS_PER_IMAGE = 32
    MAX_GT_INSTANCES = 10
    DETECTION_MAX_INSTANCES = 10
    DETECTION_MIN_CONFIDENCE = 0.5

    STEPS_PER_EPOCH = int(sys.argv[2])
    VALIDATION_STEPS = 2
    LEARNING_RATE = 0.01


config = ShapesConfig()
config.display()


# In[3]:


def get_ax(rows=1, cols=1, size=4):
    _, ax = plt.subplots(rows, cols, figsize=(size * cols, size * rows))
    return ax


# In[4]:


class ShapesDataset(utils.Dataset):
    """Only kind, colour and position of each shape are stored; images and masks are drawn on request."""

    KINDS = ["square", "disc", "triangle"]
    COLORS = {"square": [250, 40, 40], "disc": [40, 250, 40], "triangle": [40, 40, 250]}

    def load_shapes(self, count):
        for kind in self.KINDS:
            self.add_class("shapes", self.KINDS.index(kind) + 1, kind)
        for i in range(count):
            side = config.IMAGE_SHAPE[0]
            self.add_image(
                "shapes",
                image_id=i,
                path=None,
                side=side,
                background=np.random.randint(10, 40, size=3),
                shapes=self.scatter(side),
            )

    def scatter(self, side):
        shapes, boxes = [], []
        for _ in range(random.randint(1, 3)):
            radius = random.randint(7, side // 5)
            y, x = (random.randint(radius + 1, side - radius - 2) for _ in range(2))
            kind = random.choice(self.KINDS)
            shapes.append((kind, self.COLORS[kind], y, x, radius))
            boxes.append([y - radius, x - radius, y + radius, x + radius])
        visible = utils.non_max_suppression(np.array(boxes), np.arange(len(boxes)), 0.3)
        return [shapes[i] for i in sorted(visible)]

    def paint(self, canvas, shape, value):
        kind, _, y, x, radius = shape
        if kind == "square":
            canvas[y - radius : y + radius + 1, x - radius : x + radius + 1] = value
            return
        if kind == "disc":
            ys, xs = skimage.draw.disk((y, x), radius, shape=canvas.shape[:2])
        else:
            ys, xs = skimage.draw.polygon(
                [y - radius, y + radius, y + radius], [x, x + radius, x - radius], canvas.shape[:2]
            )
        canvas[ys, xs] = value

    def load_image(self, image_id):
        info = self.image_info[image_id]
        image = np.ones([info["side"], info["side"], 3], dtype=np.uint8) * info["background"].astype(np.uint8)
        for shape in info["shapes"]:
            self.paint(image, shape, shape[1])
        return image

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        if info["source"] != "shapes":
            return super(ShapesDataset, self).load_mask(image_id)
        mask = np.zeros([info["side"], info["side"], len(info["shapes"])], dtype=np.uint8)
        for i, shape in enumerate(info["shapes"]):
            mask[:, :, :i] *= self.uncovered(mask.shape[:2], shape)
            self.paint(mask[:, :, i], shape, 1)
        class_ids = np.array([self.class_names.index(shape[0]) for shape in info["shapes"]])
        return mask.astype(np.bool), class_ids.astype(np.int32)

    def uncovered(self, size, shape):
        cover = np.ones(size, dtype=np.uint8)
        self.paint(cover, shape, 0)
        return cover[:, :, np.newaxis]

    def image_reference(self, image_id):
        if self.image_info[image_id]["source"] == "shapes":
            return self.image_info[image_id]["shapes"]
        return super(ShapesDataset, self).image_reference(image_id)


# In[5]:

dataset_train = ShapesDataset()
dataset_train.load_shapes(100)
dataset_train.prepare()

dataset_val = ShapesDataset()
dataset_val.load_shapes(12)
dataset_val.prepare()


# In[6]:

for image_id in np.random.choice(dataset_train.image_ids, 4):
    print(dataset_train.image_reference(image_id))
    mask, class_ids = dataset_train.load_mask(image_id)
    visualize.display_top_masks(dataset_train.load_image(image_id), mask, class_ids, dataset_train.class_names)


# In[7]: both stages; the second total includes the first

model = modellib.MaskRCNN(mode="training", config=config, model_dir=MODEL_DIR)
model.train(dataset_train, dataset_val, learning_rate=config.LEARNING_RATE, epochs=1, layers="heads")
model.train(dataset_train, dataset_val, learning_rate=config.LEARNING_RATE, epochs=int(sys.argv[3]), layers="all")


# In[8]: save the weights under a known name

model_path = os.path.join(MODEL_DIR, "mask_rcnn_shapes.h5")
model.keras_model.save_weights(model_path)


# In[9]:


class InferenceConfig(ShapesConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1


inference_config = InferenceConfig()
model = modellib.MaskRCNN(mode="inference", config=inference_config, model_dir=MODEL_DIR)

model_path = model.find_last()
assert model_path != "", "no trained weights"
print("Loading weights from ", model_path)
model.load_weights(model_path, by_name=True)
print("These weights are of epoch {}".format(model.epoch))


# In[10]:

image_id = random.choice(dataset_val.image_ids)
original_image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
    dataset_val, inference_config, image_id, use_mini_mask=False
)

log("original_image", original_image)
log("image_meta", image_meta)
log("gt_class_id", gt_class_id)
log("gt_bbox", gt_bbox)
log("gt_mask", gt_mask)
visualize.display_instances(original_image, gt_bbox, gt_mask, gt_class_id, dataset_train.class_names, figsize=(4, 4))


# In[11]:

r = model.detect([original_image], verbose=1)[0]
visualize.display_instances(
    original_image, r["rois"], r["masks"], r["class_ids"], dataset_val.class_names, r["scores"], ax=get_ax()
)
plt.savefig(os.path.join(MODEL_DIR, "detected.png"))


# In[12]: mAP at IoU 0.5 over some images

APs = []
for image_id in np.random.choice(dataset_val.image_ids, 10):
    image, image_meta, gt_class_id, gt_bbox, gt_mask = modellib.load_image_gt(
        dataset_val, inference_config, image_id, use_mini_mask=False
    )
    molded_images = np.expand_dims(modellib.mold_image(image, inference_config), 0)
    r = model.detect([image], verbose=0)[0]
    AP, precisions, recalls, overlaps = utils.compute_ap(
        gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"]
    )
    APs.append(AP)

log("molded_images", molded_images)
print("mAP: ", np.mean(APs))
