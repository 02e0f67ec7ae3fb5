# ruff: noqa (in the style of its time)
"""Train on images with polygons drawn in the VGG Image Annotator (VIA), and keep only the colour of balloons.

    python balloon.py train --dataset=/path/to/balloons --weights=coco
    python balloon.py train --dataset=/path/to/balloons --weights=last
    python balloon.py splash --weights=last --image=/path/or/URL

Written as a user of Matterport's package would have in 2018; `tests/legacy/test_scripts.py` runs it as it is.
"""

import os
import sys
import json
import datetime
import numpy as np
import skimage.color
import skimage.draw
import skimage.io

ROOT_DIR = os.path.abspath("../../")
sys.path.append(ROOT_DIR)
from mrcnn.config import Config
from mrcnn import model as modellib, utils

from small_backbone import small_backbone, small_backbone_shape

DEFAULT_LOGS_DIR = os.path.join(ROOT_DIR, "logs")
HEADS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]


class BalloonConfig(Config):
    NAME = "balloon"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    DETECTION_MIN_CONFIDENCE = 0.0

    # Small enough to run anywhere
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
    POST_NMS_ROIS_TRAINING = 100
    POST_NMS_ROIS_INFERENCE = 50
    TRAIN_ROIS_PER_IMAGE = 32


class BalloonDataset(utils.Dataset):
    def load_balloon(self, dataset_dir, subset):
        """Read the annotations of one subset, `train` or `val`."""
        self.add_class("balloon", 1, "balloon")
        assert subset in ["train", "val"]
        folder = os.path.join(dataset_dir, subset)

        with open(os.path.join(folder, "via_region_data.json")) as f:
            annotations = list(json.load(f).values())
        for a in annotations:
            # VIA also lists images without regions
            if not a["regions"]:
                continue
            # A dict in VIA 1, a list in VIA 2
            regions = a["regions"].values() if type(a["regions"]) is dict else a["regions"]
            path = os.path.join(folder, a["filename"])
            height, width = skimage.io.imread(path).shape[:2]
            self.add_image(
                "balloon",
                image_id=a["filename"],
                path=path,
                width=width,
                height=height,
                polygons=[r["shape_attributes"] for r in regions],
            )

    def load_mask(self, image_id):
        image_info = self.image_info[image_id]
        if image_info["source"] != "balloon":
            return super(self.__class__, self).load_mask(image_id)
        polygons = image_info["polygons"]
        mask = np.zeros([image_info["height"], image_info["width"], len(polygons)], dtype=np.uint8)
        for i, p in enumerate(polygons):
            rr, cc = skimage.draw.polygon(p["all_points_y"], p["all_points_x"], mask.shape[:2])
            mask[rr, cc, i] = 1
        return mask.astype(np.bool), np.ones([mask.shape[-1]], dtype=np.int32)

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        if info["source"] == "balloon":
            return info["path"]
        else:
            return super(self.__class__, self).image_reference(image_id)


def train(model):
    dataset_train = BalloonDataset()
    dataset_train.load_balloon(args.dataset, "train")
    dataset_train.prepare()
    dataset_val = BalloonDataset()
    dataset_val.load_balloon(args.dataset, "val")
    dataset_val.prepare()
    print("Balloon images: {} and {}".format(dataset_train.num_images, dataset_val.num_images))

    # Few images and pretrained weights: training the heads is enough
    model.train(dataset_train, dataset_val, learning_rate=config.LEARNING_RATE, epochs=1, layers="heads")


def color_splash(image, mask):
    """Grey everywhere except on instances.

    image: RGB [height, width, 3]
    mask: [height, width, instances]
    """
    gray = skimage.color.gray2rgb(skimage.color.rgb2gray(image)) * 255
    if mask.shape[-1] > 0:
        covered = np.sum(mask, -1, keepdims=True) >= 1
        return np.where(covered, image, gray).astype(np.uint8)
    return gray.astype(np.uint8)


def detect_and_color_splash(model, image_path):
    print("Running on {}".format(image_path))
    image = skimage.io.imread(image_path)
    r = model.detect([image], verbose=1)[0]
    print("{} balloons".format(r["masks"].shape[-1]))
    file_name = "splash_{:%Y%m%dT%H%M%S}.png".format(datetime.datetime.now())
    skimage.io.imsave(os.path.join(args.logs, file_name), color_splash(image, r["masks"]))
    print("Saved to ", file_name)


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Train Mask R-CNN to detect balloons.")
    parser.add_argument("command", help="'train' or 'splash'")
    parser.add_argument("--dataset", required=False)
    parser.add_argument("--weights", required=True, help="Path to weights .h5 file, 'coco' or 'last'")
    parser.add_argument("--logs", required=False, default=DEFAULT_LOGS_DIR)
    parser.add_argument("--image", required=False)
    args = parser.parse_args()

    if args.command == "train":
        config = BalloonConfig()
    else:

        class InferenceConfig(BalloonConfig):
            # One image at a time: batch size = GPU_COUNT * IMAGES_PER_GPU
            GPU_COUNT = 1
            IMAGES_PER_GPU = 1

        config = InferenceConfig()
    config.display()

    mode = "training" if args.command == "train" else "inference"
    model = modellib.MaskRCNN(mode=mode, config=config, model_dir=args.logs)

    if args.weights.lower() == "coco":
        weights_path = os.path.join(args.logs, "mask_rcnn_coco.h5")
        if not os.path.exists(weights_path):
            utils.download_trained_weights(weights_path)
    elif args.weights.lower() == "last":
        weights_path = model.find_last()
    elif args.weights.lower() == "imagenet":
        weights_path = model.get_imagenet_weights()
    else:
        weights_path = args.weights

    print("Loading weights ", weights_path)
    if args.weights.lower() == "coco":
        # The last layers depend on the number of classes
        model.load_weights(weights_path, by_name=True, exclude=HEADS)
    else:
        model.load_weights(weights_path, by_name=True)

    if args.command == "train":
        train(model)
    elif args.command == "splash":
        detect_and_color_splash(model, args.image)
    else:
        print("'{}' is not recognized. Use 'train' or 'splash'".format(args.command))
