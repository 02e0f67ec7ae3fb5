"""Settings of a model and its training: subclass `Config` and override class attributes, as in Matterport's package."""
import difflib
import json
import math
import numbers
from pathlib import Path

import numpy as np

from mrcnn.errors import ConfigError

RESIZE_MODES = ("none", "square", "pad64", "crop")
LOSS_NAMES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")


class Config:
    """Settings of a Mask R-CNN, with Matterport's names and defaults.

    Override class attributes in a subclass, or pass them by name: ``Config(NUM_CLASSES=2)``. They may also be set on the
    instance later. Everything is validated when a model is built from it (`validate`), not while it is being edited.
    Sizes are in pixels of the resized image.
    """

    # --- Identity and devices ---
    NAME = None                     # names the log folder
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2

    # --- Training length and optimiser ---
    STEPS_PER_EPOCH = 1000          # None: every image once
    VALIDATION_STEPS = 50           # None: every validation image once
    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9
    WEIGHT_DECAY = 0.0001
    GRADIENT_CLIP_NORM = 5.0        # of the global norm
    OPTIMIZER = "sgd"               # "sgd" (with momentum) or "adam"
    LEARNING_RATE_SCHEDULE = "constant"   # or "cosine": from the rate given down to 1 % of it at the last epoch
    WARMUP_STEPS = 0                # linear warm-up of the learning rate
    LOSS_WEIGHTS = {name: 1.0 for name in LOSS_NAMES}
    TRAIN_BN = False                # False: frozen statistics. None: batch statistics while training. True: always
    SEED = 0                        # of initial weights, data order, augmentation and sampling

    # --- Images ---
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    IMAGE_MIN_SCALE = 0
    IMAGE_CHANNEL_COUNT = 3
    MEAN_PIXEL = np.array([123.7, 116.8, 103.9])
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)
    MAX_GT_INSTANCES = 100

    # --- Backbone and feature pyramid ---
    BACKBONE = "resnet101"          # "resnet50", any keras.applications name, or a callable
    COMPUTE_BACKBONE_SHAPE = None   # needed with a callable: image_shape -> [5, 2] sizes of P2..P6
    BACKBONE_STRIDES = [4, 8, 16, 32, 64]
    TOP_DOWN_PYRAMID_SIZE = 256

    # --- Region proposals ---
    NUM_CLASSES = 1                 # background included
    RPN_CONV_SIZE = 512             # width of the RPN's shared convolution
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)
    RPN_ANCHOR_RATIOS = [0.5, 1, 2]
    RPN_ANCHOR_STRIDE = 1
    RPN_NMS_THRESHOLD = 0.7
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    RPN_POSITIVE_IOU = 0.7
    RPN_NEGATIVE_IOU = 0.3
    RPN_BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])
    PRE_NMS_LIMIT = 6000
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000
    USE_RPN_ROIS = True             # False: the training model takes its ROIs as an input

    # --- Heads ---
    TRAIN_ROIS_PER_IMAGE = 200
    ROI_POSITIVE_RATIO = 0.33
    BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])
    ROI_ALIGN = "matterport"        # one sample a bin; "aligned": 2 x 2 samples, half-pixel centres
    POOL_SIZE = 7
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    USE_MASK_HEAD = True            # False: Faster R-CNN
    MASK_POOL_SIZE = 14
    MASK_SHAPE = [28, 28]
    MASK_HEAD_SIZE = 256            # width of the mask head's convolutions

    # --- Detection ---
    DETECTION_MAX_INSTANCES = 100
    DETECTION_MIN_CONFIDENCE = 0.7
    DETECTION_NMS_THRESHOLD = 0.3

    # --- Behaviour ---
    MATTERPORT_EXACT = False        # True: the original's sampling and class loss, for parity (docs/from_matterport.md)
    PRECISION = "auto"              # "float32", "mixed_bfloat16", or by the hardware
    PIXEL_SIZE_NM = None            # of the images as stored, when the files do not say; a number or (y, x)

    COMPUTED = ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE")

    def __init__(self, **overrides):
        for name, value in overrides.items():
            self._refuse_unknown(name)
            setattr(self, name, value)

    # Computed on access, so that settings changed on the instance take effect; an assigned value wins, as in scripts
    # that set config.BATCH_SIZE by hand.
    @property
    def BATCH_SIZE(self):
        return self.__dict__.get("_BATCH_SIZE", self.IMAGES_PER_GPU * self.GPU_COUNT)

    @BATCH_SIZE.setter
    def BATCH_SIZE(self, value):
        self.__dict__["_BATCH_SIZE"] = value

    @property
    def IMAGE_SHAPE(self):
        side = self.IMAGE_MIN_DIM if self.IMAGE_RESIZE_MODE == "crop" else self.IMAGE_MAX_DIM
        return self.__dict__.get("_IMAGE_SHAPE", np.array([side, side, self.IMAGE_CHANNEL_COUNT]))

    @IMAGE_SHAPE.setter
    def IMAGE_SHAPE(self, value):
        self.__dict__["_IMAGE_SHAPE"] = np.asarray(value)

    @property
    def IMAGE_META_SIZE(self):
        return self.__dict__.get("_IMAGE_META_SIZE", 1 + 3 + 3 + 4 + 1 + self.NUM_CLASSES)

    @IMAGE_META_SIZE.setter
    def IMAGE_META_SIZE(self, value):
        self.__dict__["_IMAGE_META_SIZE"] = value

    @property
    def MASK_SLOTS(self):
        """Rows of a training image's ROIs that can be positive, and so the only ones the mask head works on."""
        return max(1, int(self.TRAIN_ROIS_PER_IMAGE * self.ROI_POSITIVE_RATIO))

    # --- Reading and writing ---
    @classmethod
    def known_names(cls):
        """Names of all settings of this class, own additions of subclasses included."""
        return sorted(n for n in dir(cls) if n.isupper() and not n.startswith("_") and n not in ("COMPUTED", "MASK_SLOTS"))

    def to_dict(self):
        """All settings as a dict of JSON-ready values (callables by their name); computed ones only when set by hand."""
        names = {n for n in self.known_names()} | {n for n in vars(self) if n.isupper() and not n.startswith("_")}
        return {n: _plain(getattr(self, n)) for n in sorted(names)
                if n not in self.COMPUTED or f"_{n}" in self.__dict__}

    def to_json(self, path):
        """Write the settings to a JSON file."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_dict(cls, values):
        """A config with these values; unknown names raise `ConfigError`, naming the nearest known one."""
        return cls(**{n: np.array(v) if isinstance(getattr(cls, n, None), np.ndarray) else v for n, v in values.items()})

    @classmethod
    def from_json(cls, path):
        """A config from a file written by `to_json`."""
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as a JSON file of settings ({error}).") from error
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: holds no settings; expected one JSON object of names and values.")
        return cls.from_dict(values)

    def set_from_text(self, assignment):
        """Apply ``NAME=VALUE`` from a command line; the value is read as JSON, else taken as text."""
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"'{assignment}': expected NAME=VALUE, for example IMAGES_PER_GPU=1.")
        self._refuse_unknown(name)
        aliases = {"None": None, "True": True, "False": False}
        try:
            value = aliases[text] if text in aliases else json.loads(text.replace("(", "[").replace(")", "]"))
        except json.JSONDecodeError:
            value = text
        setattr(self, name, np.array(value) if isinstance(getattr(type(self), name), np.ndarray) else value)

    def display(self):
        """Print all settings, one a line."""
        print("\nConfigurations:")
        for name in sorted({*self.known_names(), *(n for n in vars(self) if n.isupper() and not n.startswith("_"))}):
            print(f"{name:30} {getattr(self, name)}")
        print()

    # --- Validation ---
    def _refuse_unknown(self, name):
        known = self.known_names()
        if name not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
            hint = f" Did you mean {near[0]}?" if near else " Config.known_names() lists all."
            raise ConfigError(f"There is no setting {name}.{hint}")

    def _refuse_misspelt(self):
        """A new name is a user's own setting, unless it looks like a slip of the pen for one of ours."""
        ours = {n for n in dir(Config) if n.isupper()}
        for name in sorted({*self.known_names(), *vars(self)} - ours - set(_OLD_NAMES)):
            near = difflib.get_close_matches(name, ours, n=1, cutoff=0.85)
            if name.isupper() and not name.startswith("_") and near:
                raise ConfigError(f"There is no setting {name}. Did you mean {near[0]}?")

    def validate(self, class_names=None):
        """Raise `ConfigError` for the first setting that cannot work.

        Parameters
        ----------
        class_names : sequence of str, optional
            The data set's class names, background first; their number must be NUM_CLASSES.
        """
        self._refuse_misspelt()
        self._validate_types()
        self._validate_image()
        self._validate_pyramid()
        self._validate_heads()
        if class_names is not None and len(class_names) != self.NUM_CLASSES:
            raise ConfigError(
                f"NUM_CLASSES is {self.NUM_CLASSES}, but the data set has {len(class_names)} classes, background included: "
                f"{', '.join(class_names)}. Set NUM_CLASSES = {len(class_names)}.")

    def _validate_types(self):
        for names, low in _INTEGERS:
            for name in names:
                value = getattr(self, name)
                if value is None and name in ("STEPS_PER_EPOCH", "VALIDATION_STEPS"):
                    continue
                if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < low:
                    raise ConfigError(f"{name} must be a whole number of at least {low}, not {value!r}.")
        for names, low, high in _NUMBERS:
            for name in names:
                value = getattr(self, name)
                good = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
                if not good or not low <= value <= high:
                    raise ConfigError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}.")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {getattr(self, name)!r}.")
        if isinstance(self.LOSS_WEIGHTS, dict):
            unknown = [k for k in self.LOSS_WEIGHTS if k not in LOSS_NAMES]
            if unknown:
                raise ConfigError(f"LOSS_WEIGHTS has no loss {unknown[0]!r}; the losses are {', '.join(LOSS_NAMES)}.")
        else:
            raise ConfigError(f"LOSS_WEIGHTS must be a dict of loss names and weights, not {self.LOSS_WEIGHTS!r}.")

    def _validate_image(self):
        height, width, channels = (int(v) for v in self.IMAGE_SHAPE)
        multiple = 64
        for name, size in (("height", height), ("width", width)):
            if size % multiple or size < multiple:
                down = max(multiple, size // multiple * multiple)
                source = "IMAGE_MIN_DIM" if self.IMAGE_RESIZE_MODE == "crop" else "IMAGE_MAX_DIM"
                raise ConfigError(f"The image {name} of {size} pixels ({source}) is not divisible by {multiple}, which five "
                                  f"halvings and P6 need. Use {down} or {down + multiple}.")
        if self.IMAGE_RESIZE_MODE == "square" and self.IMAGE_MIN_DIM > self.IMAGE_MAX_DIM:
            raise ConfigError(f"IMAGE_MIN_DIM ({self.IMAGE_MIN_DIM}) is larger than IMAGE_MAX_DIM ({self.IMAGE_MAX_DIM}).")
        mean = np.atleast_1d(np.asarray(self.MEAN_PIXEL, dtype=object))
        try:
            mean = mean.astype(float)
        except (TypeError, ValueError):
            raise ConfigError(f"MEAN_PIXEL must be numbers, one a channel, not {self.MEAN_PIXEL!r}.") from None
        if mean.size not in (1, channels) or not np.isfinite(mean).all():
            raise ConfigError(f"MEAN_PIXEL has {mean.size} values, but IMAGE_CHANNEL_COUNT is {channels}. Give one number a "
                              f"channel, for example the mean of your training images.")

    def _validate_pyramid(self):
        strides, scales = list(self.BACKBONE_STRIDES), list(self.RPN_ANCHOR_SCALES)
        if len(strides) != len(scales):
            raise ConfigError(f"RPN_ANCHOR_SCALES has {len(scales)} entries and BACKBONE_STRIDES {len(strides)}: each level of "
                              "the pyramid (P2 to P6) takes one scale. Give five of each.")
        if callable(self.BACKBONE) and self.COMPUTE_BACKBONE_SHAPE is None:
            raise ConfigError("BACKBONE is a callable: COMPUTE_BACKBONE_SHAPE must be one too (image_shape -> sizes of P2..P6).")
        if not callable(self.BACKBONE) and not isinstance(self.BACKBONE, str):
            raise ConfigError(f"BACKBONE must be a name or a callable, not {self.BACKBONE!r}.")
        for name in ("RPN_BBOX_STD_DEV", "BBOX_STD_DEV"):
            if np.shape(getattr(self, name)) != (4,) or not (np.asarray(getattr(self, name)) > 0).all():
                raise ConfigError(f"{name} must be four positive numbers, not {getattr(self, name)!r}.")
        if not len(self.RPN_ANCHOR_RATIOS) or min(self.RPN_ANCHOR_RATIOS) <= 0 or min(scales) <= 0:
            raise ConfigError("RPN_ANCHOR_RATIOS and RPN_ANCHOR_SCALES must hold positive numbers.")

    def _validate_heads(self):
        if tuple(self.MASK_SHAPE) != (2 * self.MASK_POOL_SIZE,) * 2:
            raise ConfigError(f"MASK_SHAPE is {list(self.MASK_SHAPE)}, but the mask head doubles MASK_POOL_SIZE "
                              f"({self.MASK_POOL_SIZE}): set MASK_SHAPE = [{2 * self.MASK_POOL_SIZE}, {2 * self.MASK_POOL_SIZE}].")
        if len(self.MINI_MASK_SHAPE) != 2 or min(self.MINI_MASK_SHAPE) < 2:
            raise ConfigError(f"MINI_MASK_SHAPE must be (height, width), not {self.MINI_MASK_SHAPE!r}.")


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return getattr(value, "__name__", repr(value)) if callable(value) else value


_OLD_NAMES = ("IMAGE_PADDING", "BACKBONE_SHAPES")     # of Matterport before 2.1; without effect, as in 2.1
_INTEGERS = (
    (("GPU_COUNT", "IMAGES_PER_GPU", "STEPS_PER_EPOCH", "VALIDATION_STEPS", "BATCH_SIZE", "IMAGE_MAX_DIM", "IMAGE_CHANNEL_COUNT",
      "NUM_CLASSES", "TOP_DOWN_PYRAMID_SIZE", "FPN_CLASSIF_FC_LAYERS_SIZE", "RPN_CONV_SIZE", "MASK_HEAD_SIZE",
      "RPN_ANCHOR_STRIDE", "RPN_TRAIN_ANCHORS_PER_IMAGE", "PRE_NMS_LIMIT", "POST_NMS_ROIS_TRAINING",
      "POST_NMS_ROIS_INFERENCE", "TRAIN_ROIS_PER_IMAGE", "POOL_SIZE", "MASK_POOL_SIZE", "MAX_GT_INSTANCES",
      "DETECTION_MAX_INSTANCES"), 1),
    (("IMAGE_MIN_DIM", "SEED", "WARMUP_STEPS"), 0),
)
_NUMBERS = (
    (("RPN_NMS_THRESHOLD", "ROI_POSITIVE_RATIO", "DETECTION_MIN_CONFIDENCE", "DETECTION_NMS_THRESHOLD",
      "LEARNING_MOMENTUM", "RPN_POSITIVE_IOU", "RPN_NEGATIVE_IOU"), 0, 1),
    (("LEARNING_RATE", "WEIGHT_DECAY"), 0, 1e6),
    (("IMAGE_MIN_SCALE",), 0, 64),
    (("GRADIENT_CLIP_NORM",), 1e-12, 1e12),
)
_CHOICES = {
    "IMAGE_RESIZE_MODE": RESIZE_MODES, "ROI_ALIGN": ("matterport", "aligned"), "OPTIMIZER": ("sgd", "adam"),
    "LEARNING_RATE_SCHEDULE": ("constant", "cosine"), "PRECISION": ("auto", "float32", "mixed_bfloat16"),
    "TRAIN_BN": (None, False, True), "USE_MINI_MASK": (False, True), "USE_RPN_ROIS": (False, True),
    "USE_MASK_HEAD": (False, True), "MATTERPORT_EXACT": (False, True),
}
