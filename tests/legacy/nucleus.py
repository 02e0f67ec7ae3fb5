# ruff: noqa (in the style of its time)
"""Nuclei of the 2018 Data Science Bowl: one folder per image, one file per mask, a submission of run lengths.

    python nucleus.py train --dataset=/path/to/dataset --subset=train --weights=/path/to/weights.h5
    python nucleus.py detect --dataset=/path/to/dataset --subset=stage1_test --weights=last

Written as a user of Matterport's package would have in 2018; `tests/legacy/test_scripts.py` runs it as it is.
"""

# Draw without a screen
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import os
import sys
import datetime
import numpy as np
import skimage.io
from imgaug import augmenters as iaa

ROOT_DIR = os.path.abspath("../../")
sys.path.append(ROOT_DIR)
from mrcnn.config import Config
from mrcnn import utils
from mrcnn import model as modellib
from mrcnn import visualize

from small_backbone import small_backbone, small_backbone_shape

# Reserved for validation
VAL_IMAGE_IDS = ["nuc_0", "nuc_5"]


class NucleusConfig(Config):
    """Training on random crops."""

    NAME = "nucleus"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 1
    STEPS_PER_EPOCH = (6 - len(VAL_IMAGE_IDS)) // IMAGES_PER_GPU
    VALIDATION_STEPS = max(1, len(VAL_IMAGE_IDS) // IMAGES_PER_GPU)
    DETECTION_MIN_CONFIDENCE = 0

    BACKBONE = staticmethod(small_backbone)
    COMPUTE_BACKBONE_SHAPE = staticmethod(small_backbone_shape)
    TOP_DOWN_PYRAMID_SIZE = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 64
    MASK_POOL_SIZE = 7
    MASK_SHAPE = [14, 14]

    # Crops of 64 x 64 pixels from images enlarged twice
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    IMAGE_MIN_SCALE = 2.0

    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    POST_NMS_ROIS_TRAINING = 100
    POST_NMS_ROIS_INFERENCE = 60
    RPN_NMS_THRESHOLD = 0.9
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    MEAN_PIXEL = np.array([43.53, 39.56, 48.22])
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (28, 28)
    TRAIN_ROIS_PER_IMAGE = 32
    MAX_GT_INSTANCES = 20
    DETECTION_MAX_INSTANCES = 40


class NucleusInferenceConfig(NucleusConfig):
    """Whole images, padded to multiples of 64, one at a time."""

    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    RPN_NMS_THRESHOLD = 0.7


class NucleusDataset(utils.Dataset):
    def load_nucleus(self, dataset_dir, subset):
        """subset: train, val (both from stage1_train), or the name of a folder."""
        self.add_class("nucleus", 1, "nucleus")
        dataset_dir = os.path.join(dataset_dir, "stage1_train" if subset in ["train", "val"] else subset)
        if subset == "val":
            image_ids = VAL_IMAGE_IDS
        else:
            image_ids = sorted(next(os.walk(dataset_dir))[1])
            if subset == "train":
                image_ids = list(set(image_ids) - set(VAL_IMAGE_IDS))
        for image_id in image_ids:
            self.add_image(
                "nucleus", image_id=image_id, path=os.path.join(dataset_dir, image_id, "images/{}.png".format(image_id))
            )

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        mask_dir = os.path.join(os.path.dirname(os.path.dirname(info["path"])), "masks")
        mask = []
        for f in next(os.walk(mask_dir))[2]:
            if f.endswith(".png"):
                mask.append(skimage.io.imread(os.path.join(mask_dir, f)).astype(np.bool))
        mask = np.stack(mask, axis=-1)
        # One class only
        return mask, np.ones([mask.shape[-1]], dtype=np.int32)

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        if info["source"] == "nucleus":
            return info["id"]
        return super(self.__class__, self).image_reference(image_id)


def train(model, dataset_dir, subset):
    dataset_train = NucleusDataset()
    dataset_train.load_nucleus(dataset_dir, subset)
    dataset_train.prepare()
    dataset_val = NucleusDataset()
    dataset_val.load_nucleus(dataset_dir, "val")
    dataset_val.prepare()

    augmentation = iaa.SomeOf(
        (0, 2),
        [
            iaa.Fliplr(0.5),
            iaa.Flipud(0.5),
            iaa.OneOf([iaa.Affine(rotate=90), iaa.Affine(rotate=180), iaa.Affine(rotate=270)]),
            iaa.Multiply((0.8, 1.5)),
            iaa.GaussianBlur(sigma=(0.0, 5.0)),
        ],
    )

    print("Train network heads")
    model.train(
        dataset_train,
        dataset_val,
        learning_rate=config.LEARNING_RATE,
        epochs=1,
        augmentation=augmentation,
        layers="heads",
    )
    print("Train all layers")
    model.train(
        dataset_train,
        dataset_val,
        learning_rate=config.LEARNING_RATE / 10,
        epochs=2,
        augmentation=augmentation,
        layers="all",
    )


# Run lengths: pairs of start and length, counted from 1, column by column
def rle_encode(mask):
    assert mask.ndim == 2, "one mask at a time"
    pixels = np.concatenate([[0], mask.T.flatten(), [0]]).astype(np.int8)
    changes = np.where(np.diff(pixels) != 0)[0] + 1
    changes[1::2] -= changes[::2]
    return " ".join(str(n) for n in changes)


def rle_decode(rle, shape):
    numbers = np.array(rle.split(), dtype=np.int32).reshape([-1, 2])
    mask = np.zeros([shape[0] * shape[1]], np.bool)
    for start, length in numbers:
        mask[start - 1 : start - 1 + length] = 1
    return mask.reshape([shape[1], shape[0]]).T


def mask_to_rle(image_id, mask, scores):
    """Lines of the submission for one image. Where masks overlap, the best score wins."""
    if mask.shape[-1] == 0:
        return "{},".format(image_id)
    order = np.argsort(scores)[::-1] + 1
    best = np.max(mask * np.reshape(order, [1, 1, -1]), -1)
    lines = []
    for o in order:
        m = np.where(best == o, 1, 0)
        if m.sum() == 0.0:
            continue
        lines.append("{}, {}".format(image_id, rle_encode(m)))
    return "\n".join(lines)


def detect(model, dataset_dir, subset):
    submit_dir = os.path.join(RESULTS_DIR, "submit_{:%Y%m%dT%H%M%S}".format(datetime.datetime.now()))
    os.makedirs(submit_dir)

    dataset = NucleusDataset()
    dataset.load_nucleus(dataset_dir, subset)
    dataset.prepare()
    submission = []
    for image_id in dataset.image_ids:
        image = dataset.load_image(image_id)
        r = model.detect([image], verbose=0)[0]
        source_id = dataset.image_info[image_id]["id"]
        submission.append(mask_to_rle(source_id, r["masks"], r["scores"]))
        visualize.display_instances(
            image,
            r["rois"],
            r["masks"],
            r["class_ids"],
            dataset.class_names,
            r["scores"],
            show_bbox=False,
            show_mask=False,
            title="Predictions",
            figsize=(4, 4),
        )
        plt.savefig("{}/{}.png".format(submit_dir, source_id))
        for mask in np.transpose(r["masks"], [2, 0, 1]):
            assert np.array_equal(rle_decode(rle_encode(mask), mask.shape), mask)

    with open(os.path.join(submit_dir, "submit.csv"), "w") as f:
        f.write("\n".join(["ImageId,EncodedPixels"] + submission))
    print("Saved to ", submit_dir)


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Mask R-CNN for nuclei")
    parser.add_argument("command", help="'train' or 'detect'")
    parser.add_argument("--dataset", required=False)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--logs", required=False, default=os.path.join(ROOT_DIR, "logs"))
    parser.add_argument("--subset", required=False)
    args = parser.parse_args()
    RESULTS_DIR = os.path.join(args.logs, "results", "nucleus")

    config = NucleusConfig() if args.command == "train" else NucleusInferenceConfig()
    config.display()
    model = modellib.MaskRCNN(
        mode="training" if args.command == "train" else "inference", config=config, model_dir=args.logs
    )
    if args.weights.lower() == "last":
        model.load_weights(model.find_last(), by_name=True)
    else:
        # The classes differ from ours: exclude the last layers
        model.load_weights(
            args.weights, by_name=True, exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]
        )

    if args.command == "train":
        train(model, args.dataset, args.subset)
    elif args.command == "detect":
        detect(model, args.dataset, args.subset)
