# ruff: noqa (in the style of its time)
"""Train on annotations in COCO format, and evaluate with the official tools.

    python coco.py train --dataset=/path/to/coco/ --model=/path/to/weights.h5
    python coco.py evaluate --dataset=/path/to/coco/ --model=last --limit=4

Written as a user of Matterport's package would have in 2018; `tests/legacy/test_scripts.py` runs it as it is.
"""

import os
import sys
import time
import numpy as np
import imgaug  # https://github.com/aleju/imgaug

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from pycocotools import mask as maskUtils

ROOT_DIR = os.path.abspath("../../")
sys.path.append(ROOT_DIR)
from mrcnn.config import Config
from mrcnn import model as modellib, utils

from small_backbone import small_backbone, small_backbone_shape

DEFAULT_LOGS_DIR = os.path.join(ROOT_DIR, "logs")
DEFAULT_DATASET_YEAR = "2014"


class CocoConfig(Config):
    NAME = "coco"
    IMAGES_PER_GPU = 2
    NUM_CLASSES = 1 + 3
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1

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
    DETECTION_MAX_INSTANCES = 10


class CocoDataset(utils.Dataset):
    def load_coco(self, dataset_dir, subset, year=DEFAULT_DATASET_YEAR, class_ids=None, return_coco=False):
        coco = COCO("{}/annotations/instances_{}{}.json".format(dataset_dir, subset, year))
        image_dir = "{}/{}{}".format(dataset_dir, subset, year)
        class_ids = class_ids or sorted(coco.getCatIds())
        image_ids = []
        for id in class_ids:
            self.add_class("coco", id, coco.loadCats(id)[0]["name"])
            image_ids.extend(list(coco.getImgIds(catIds=[id])))
        # An image with two of the classes is listed twice
        for i in set(image_ids):
            self.add_image(
                "coco",
                image_id=i,
                path=os.path.join(image_dir, coco.imgs[i]["file_name"]),
                width=coco.imgs[i]["width"],
                height=coco.imgs[i]["height"],
                annotations=coco.loadAnns(coco.getAnnIds(imgIds=[i], catIds=class_ids, iscrowd=None)),
            )
        if return_coco:
            return coco

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        if info["source"] != "coco":
            return super(CocoDataset, self).load_mask(image_id)
        masks, class_ids = [], []
        for annotation in info["annotations"]:
            class_id = self.map_source_class_id("coco.{}".format(annotation["category_id"]))
            if not class_id:
                continue
            m = self.annToMask(annotation, info["height"], info["width"])
            # Objects smaller than a pixel
            if m.max() < 1:
                continue
            if annotation["iscrowd"]:
                # Crowds have the negated class id
                class_id *= -1
            masks.append(m)
            class_ids.append(class_id)
        if not class_ids:
            return super(CocoDataset, self).load_mask(image_id)
        return np.stack(masks, axis=2).astype(np.bool), np.array(class_ids, dtype=np.int32)

    def image_reference(self, image_id):
        info = self.image_info[image_id]
        if info["source"] == "coco":
            return "http://cocodataset.org/#explore?id={}".format(info["id"])
        else:
            super(CocoDataset, self).image_reference(image_id)

    def annToMask(self, ann, height, width):
        rle = ann["segmentation"]
        if isinstance(rle, list):
            # Polygons: the parts of one object
            rle = maskUtils.merge(maskUtils.frPyObjects(rle, height, width))
        elif isinstance(rle["counts"], list):
            rle = maskUtils.frPyObjects(rle, height, width)
        return maskUtils.decode(rle)


def build_coco_results(dataset, image_ids, rois, class_ids, scores, masks):
    """The detections of one image in the format of the COCO tools."""
    results = []
    if rois is None:
        return results
    for image_id in image_ids:
        for i in range(rois.shape[0]):
            y1, x1, y2, x2 = np.around(rois[i], 1)
            results.append(
                {
                    "image_id": image_id,
                    "category_id": dataset.get_source_class_id(class_ids[i], "coco"),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "score": scores[i],
                    "segmentation": maskUtils.encode(np.asfortranarray(masks[:, :, i])),
                }
            )
    return results


def evaluate_coco(model, dataset, coco, eval_type="bbox", limit=0, image_ids=None):
    image_ids = image_ids or dataset.image_ids
    if limit:
        image_ids = image_ids[:limit]
    coco_image_ids = [dataset.image_info[id]["id"] for id in image_ids]

    t_prediction, t_start = 0, time.time()
    results = []
    for i, image_id in enumerate(image_ids):
        image = dataset.load_image(image_id)
        t = time.time()
        r = model.detect([image], verbose=0)[0]
        t_prediction += time.time() - t
        results.extend(
            build_coco_results(
                dataset, coco_image_ids[i : i + 1], r["rois"], r["class_ids"], r["scores"], r["masks"].astype(np.uint8)
            )
        )

    coco_results = coco.loadRes(results)
    coco_eval = COCOeval(coco, coco_results, eval_type)
    coco_eval.params.imgIds = coco_image_ids
    coco_eval.evaluate()
    coco_eval.accumulate()
    coco_eval.summarize()
    print("Prediction time: {}. Average {}/image".format(t_prediction, t_prediction / len(image_ids)))
    print("Total time: ", time.time() - t_start)
    return coco_eval.stats


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Train Mask R-CNN on MS COCO.")
    parser.add_argument("command", metavar="<command>", help="'train' or 'evaluate' on MS COCO")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--year", required=False, default=DEFAULT_DATASET_YEAR)
    parser.add_argument("--model", required=True, help="Path to weights .h5 file or 'last'")
    parser.add_argument("--logs", required=False, default=DEFAULT_LOGS_DIR)
    parser.add_argument("--limit", required=False, default=500)
    args = parser.parse_args()

    if args.command == "train":
        config = CocoConfig()
    else:

        class InferenceConfig(CocoConfig):
            GPU_COUNT = 1
            IMAGES_PER_GPU = 1
            DETECTION_MIN_CONFIDENCE = 0

        config = InferenceConfig()
    config.display()

    model = modellib.MaskRCNN(
        mode="training" if args.command == "train" else "inference", config=config, model_dir=args.logs
    )
    model_path = model.find_last() if args.model.lower() == "last" else args.model
    print("Loading weights ", model_path)
    model.load_weights(model_path, by_name=True)

    if args.command == "train":
        dataset_train = CocoDataset()
        dataset_train.load_coco(args.dataset, "train", year=args.year)
        dataset_train.load_coco(args.dataset, "valminusminival", year=args.year)
        dataset_train.prepare()
        dataset_val = CocoDataset()
        dataset_val.load_coco(args.dataset, "minival", year=args.year)
        dataset_val.prepare()

        # Flip half of the images left to right
        augmentation = imgaug.augmenters.Fliplr(0.5)

        print("Training network heads")
        model.train(
            dataset_train,
            dataset_val,
            learning_rate=config.LEARNING_RATE,
            epochs=1,
            layers="heads",
            augmentation=augmentation,
        )
        print("Fine tune stage 4 and up")
        model.train(
            dataset_train,
            dataset_val,
            learning_rate=config.LEARNING_RATE,
            epochs=2,
            layers="4+",
            augmentation=augmentation,
        )
    elif args.command == "evaluate":
        dataset_val = CocoDataset()
        coco = dataset_val.load_coco(args.dataset, "minival", year=args.year, return_coco=True)
        dataset_val.prepare()
        print("Running COCO evaluation on {} images.".format(args.limit))
        for kind in ("bbox", "segm"):
            stats = evaluate_coco(model, dataset_val, coco, kind, limit=int(args.limit))
            print("AP@50 of {}: {:.3f}".format(kind, stats[1]))
    else:
        print("'{}' is not recognized. Use 'train' or 'evaluate'".format(args.command))
