# ruff: noqa (in the style of its time)
# use filled boxes of LabelImg (Pascal VOC xml) as masks; train the heads, then compute the mAP of both subsets
# python voc.py DATA_DIR WEIGHTS MODEL_DIR
# written as a user of Matterport's package would have in 2019; tests/legacy/test_scripts.py runs it as it is
import os
import sys
from os import listdir
from xml.etree import ElementTree
from numpy import zeros
from numpy import asarray
from numpy import expand_dims
from numpy import argmin
from numpy import mean
from matplotlib import pyplot
from matplotlib.patches import Rectangle
from keras.callbacks import CSVLogger
from keras.callbacks import EarlyStopping
from keras.callbacks import ReduceLROnPlateau

sys.path.append(os.path.abspath("../../"))
from mrcnn.config import Config
from mrcnn.utils import Dataset
from mrcnn.utils import compute_ap
from mrcnn.utils import extract_bboxes
from mrcnn.visualize import display_instances
from mrcnn.model import MaskRCNN
from mrcnn.model import load_image_gt
from mrcnn.model import mold_image

from small_backbone import small_backbone, small_backbone_shape


class VocDataset(Dataset):
    # images are numbered; the last two are reserved for testing
    def load_dataset(self, dataset_dir, is_train=True):
        self.add_class("voc", 1, "nucleoli")
        self.add_class("voc", 2, "not_nucleoli")
        names = sorted(f[:-4] for f in listdir(dataset_dir + "/JPEGImages") if f.endswith(".jpg"))
        for image_id in names:
            if (image_id in names[:-2]) == is_train:
                self.add_image(
                    "voc",
                    image_id=image_id,
                    path=dataset_dir + "/JPEGImages/" + image_id + ".jpg",
                    annotation=dataset_dir + "/Annotations/" + image_id + ".xml",
                )

    def extract_boxes(self, filename):
        root = ElementTree.parse(filename).getroot()
        boxes, names = list(), list()
        for thing in root.findall("./object"):
            coors = [int(float(thing.find("bndbox").find(side).text)) for side in ("xmin", "ymin", "xmax", "ymax")]
            boxes.append(coors)
            names.append(thing.find("name").text)
        width = int(root.find(".//size/width").text)
        height = int(root.find(".//size/height").text)
        return boxes, names, width, height

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        boxes, names, w, h = self.extract_boxes(info["annotation"])
        masks = zeros([h, w, len(boxes)], dtype="uint8")
        class_ids = list()
        for i, box in enumerate(boxes):
            row_s, row_e = box[1], box[3]
            col_s, col_e = box[0], box[2]
            masks[row_s:row_e, col_s:col_e, i] = 1
            class_ids.append(self.class_names.index(names[i]))
        return masks, asarray(class_ids, dtype="int32")

    def image_reference(self, image_id):
        return self.image_info[image_id]["path"]


# the package passes stage5 and train_bn as keywords, whatever parameters precede them
def backbone(input_image, architecture="small", stage5=False, train_bn=True):
    assert architecture == "small"
    return small_backbone(input_image, stage5, train_bn)


class VocConfig(Config):
    NAME = "voc_cfg"
    NUM_CLASSES = 1 + 2
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    # small enough for a laptop
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    BACKBONE = staticmethod(backbone)
    COMPUTE_BACKBONE_SHAPE = staticmethod(small_backbone_shape)
    TOP_DOWN_PYRAMID_SIZE = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 64
    MASK_POOL_SIZE = 7
    MASK_SHAPE = [14, 14]
    POST_NMS_ROIS_TRAINING = 100
    POST_NMS_ROIS_INFERENCE = 50
    TRAIN_ROIS_PER_IMAGE = 32
    USE_MINI_MASK = False


class PredictionConfig(VocConfig):
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0.05


def evaluate_model(dataset, model, cfg):
    APs = list()
    for image_id in dataset.image_ids:
        image, image_meta, gt_class_id, gt_bbox, gt_mask = load_image_gt(dataset, cfg, image_id, use_mini_mask=False)
        # the mean is subtracted here and again by detect, as in many tutorials
        scaled_image = mold_image(image, cfg)
        sample = expand_dims(scaled_image, 0)
        yhat = model.detect(sample, verbose=0)
        r = yhat[0]
        AP, _, _, _ = compute_ap(gt_bbox, gt_class_id, gt_mask, r["rois"], r["class_ids"], r["scores"], r["masks"])
        APs.append(AP)
    return mean(APs)


def plot_actual_vs_predicted(dataset, model, cfg, n_images=2):
    for i in range(n_images):
        image = dataset.load_image(i)
        mask, _ = dataset.load_mask(i)
        yhat = model.detect([image], verbose=0)[0]
        pyplot.subplot(n_images, 2, i * 2 + 1)
        pyplot.imshow(image)
        pyplot.title("Actual")
        for j in range(mask.shape[2]):
            pyplot.imshow(mask[:, :, j], cmap="gray", alpha=0.3)
        pyplot.subplot(n_images, 2, i * 2 + 2)
        pyplot.imshow(image)
        pyplot.title("Predicted")
        ax = pyplot.gca()
        for box in yhat["rois"]:
            y1, x1, y2, x2 = box
            ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, color="red"))
    pyplot.savefig(os.path.join(MODEL_DIR, "actual_vs_predicted.png"))
    pyplot.show()


DATA_DIR, WEIGHTS, MODEL_DIR = sys.argv[1:4]

train_set = VocDataset()
train_set.load_dataset(DATA_DIR, is_train=True)
train_set.prepare()
print("Train: %d" % len(train_set.image_ids))
test_set = VocDataset()
test_set.load_dataset(DATA_DIR, is_train=False)
test_set.prepare()
print("Test: %d" % len(test_set.image_ids))

# an annotated image; boxes computed from masks are the boxes of the file
image_id = 0
image = train_set.load_image(image_id)
mask, class_ids = train_set.load_mask(image_id)
bbox = extract_bboxes(mask)
display_instances(image, bbox, mask, class_ids, train_set.class_names)
for y1, x1, y2, x2 in bbox:
    print("box", x1, y1, x2, y2)

config = VocConfig()
config.display()
model = MaskRCNN(mode="training", model_dir=MODEL_DIR, config=config)
model.load_weights(WEIGHTS, by_name=True, exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])
callbacks = [
    EarlyStopping(monitor="val_loss", patience=5),
    ReduceLROnPlateau(monitor="val_loss", patience=3),
    CSVLogger(os.path.join(MODEL_DIR, "voc.csv")),
]
model.train(
    train_set, test_set, learning_rate=config.LEARNING_RATE, epochs=2, layers="heads", custom_callbacks=callbacks
)
history = model.keras_model.history.history
best = argmin(history["val_loss"])
print("Best Epoch:", best + 1, history["val_loss"][best], sorted(history))

cfg = PredictionConfig()
model = MaskRCNN(mode="inference", model_dir=MODEL_DIR, config=cfg)
model_path = [f for f in sorted(listdir(MODEL_DIR)) if f.startswith("voc_cfg")][-1]
model.load_weights(os.path.join(MODEL_DIR, model_path, "mask_rcnn_voc_cfg_%04d.h5" % (best + 1)), by_name=True)
print("Train mAP: %.3f" % evaluate_model(train_set, model, cfg))
print("Test mAP: %.3f" % evaluate_model(test_set, model, cfg))
plot_actual_vs_predicted(test_set, model, cfg)
