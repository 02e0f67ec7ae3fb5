"""Settings of a model and its training: subclass `Config` and override class attributes, as in Matterport's package."""

import difflib
import json
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.config_checks import LOSS_NAMES, SEMANTIC_MODELS, check_class_order, check_settings  # noqa: F401 (for all other packages)
from mrcnn.config_values import like_default, plain, value_of, written_before
from mrcnn.errors import ConfigError
from mrcnn.files import draft_of

_SOURCES = {"BATCH_SIZE": "IMAGES_PER_GPU", "IMAGE_SHAPE": "IMAGE_MAX_DIM", "IMAGE_META_SIZE": "NUM_CLASSES"}
_NO_SETTINGS = ("COMPUTED", "MASK_SLOTS", "VALIDATION_STPES")
# From Matterport before 2.1. The last is VALIDATION_STEPS, the others have no effect, as in 2.1.
_OLD_NAMES = ("IMAGE_PADDING", "BACKBONE_SHAPES", "VALIDATION_STPES")


class Config:
    """Settings of a Mask R-CNN, with Matterport's names and defaults.

    Override class attributes in a subclass, or pass them by name: ``Config(NUM_CLASSES=2)``. They may also be set on
    the instance later. Everything is validated (`validate`) when a model is built, not while the settings are edited.
    Sizes are in pixels of the resized image.
    """

    # --- Identity and devices ---
    NAME: str | None = None  # name of the log folder
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2

    # --- Training length and optimiser ---
    STEPS_PER_EPOCH: int | None = 1000  # None: every image once
    VALIDATION_STEPS: int | None = 50  # None: every validation image once; 0: no validation loss
    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9
    WEIGHT_DECAY = 0.0001
    GRADIENT_CLIP_NORM = 5.0  # of the global norm
    OPTIMIZER = "sgd"  # "sgd" (with momentum) or "adam"
    LEARNING_RATE_SCHEDULE = "constant"  # or "cosine": from the given rate down to 1 % of it in the last epoch
    WARMUP_STEPS = 0  # linear warm-up of the learning rate
    LOSS_WEIGHTS: dict[str, float] = {name: 1.0 for name in LOSS_NAMES}
    KEEP_CHECKPOINTS = 2  # the last so many, besides the best and the one with the lowest validation loss
    SAVE_EVERY_STEPS: int | None = None  # also save within an epoch, useful for long epochs
    VALIDATE_EVERY = 1  # run detection on the validation images every so many epochs; 0: never
    VALIDATION_IMAGES: int | None = None  # number of images used for it; None: all
    EARLY_STOPPING: int | None = None  # stop after so many epochs without improvement
    TRAIN_BN: bool | None = False  # False: frozen statistics. None: batch statistics while training. True: always
    SEED = 0  # of initial weights, data order, augmentation and sampling

    # --- Images ---
    # How images are brought to the size of the network's (`mrcnn.data.molding.resize_image`). "square": enlarged to
    # IMAGE_MIN_DIM or reduced to IMAGE_MAX_DIM, padded to a square of IMAGE_MAX_DIM. "fit": never resized (except by
    # IMAGE_MIN_SCALE, the same factor for all), padded or cropped to the same square. "crop": enlarged to IMAGE_MIN_DIM
    # and cropped to it. "pad64": enlarged to IMAGE_MIN_DIM, padded to multiples of 64. "none": unchanged.
    # Only training crops; in detection, images are padded instead, and large ones are detected in tiles.
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    IMAGE_MIN_SCALE: float = 0
    IMAGE_CHANNEL_COUNT = 3
    MEAN_PIXEL: ArrayLike = np.array([123.7, 116.8, 103.9])
    # Images that are not 8 bits: True: stretched to 0..255. False: unchanged. "auto": a training decides once, from a
    # sample of its images, and records it in TRAINED_STRETCHED: stretched, unless MEAN_PIXEL shows that values are not
    # 0..255 (`mrcnn.data.grey_levels.is_raw_by_mean`). If nothing is recorded, each image decides for itself.
    SCALE_INTENSITY: bool | str = "auto"
    USE_MINI_MASK = True
    MINI_MASK_SHAPE: Sequence[int] = (56, 56)
    MAX_GT_INSTANCES = 100

    # --- Backbone and feature pyramid ---
    BACKBONE: str | Callable = "resnet101"  # "resnet50", any keras.applications name, or a callable
    COMPUTE_BACKBONE_SHAPE: Callable | None = None  # required with a callable: image_shape -> [5, 2] sizes of P2..P6
    BACKBONE_STRIDES: Sequence[int] = [4, 8, 16, 32, 64]
    TOP_DOWN_PYRAMID_SIZE = 256

    # --- Region proposals ---
    NUM_CLASSES = 1  # background included
    RPN_CONV_SIZE = 512  # width of the RPN's shared convolution
    # For P2, P3, ...; with fewer, the last levels propose nothing.
    RPN_ANCHOR_SCALES: Sequence[float] = (32, 64, 128, 256, 512)
    RPN_ANCHOR_RATIOS: Sequence[float] = [0.5, 1, 2]
    RPN_ANCHOR_STRIDE = 1
    RPN_NMS_THRESHOLD = 0.7
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    RPN_POSITIVE_IOU = 0.7
    RPN_NEGATIVE_IOU = 0.3
    RPN_BBOX_STD_DEV: ArrayLike = np.array([0.1, 0.1, 0.2, 0.2])
    PRE_NMS_LIMIT = 6000
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000
    USE_RPN_ROIS = True  # False: the training model takes its ROIs as an input

    # --- Heads ---
    TRAIN_ROIS_PER_IMAGE = 200
    ROI_POSITIVE_RATIO = 0.33
    BBOX_STD_DEV: ArrayLike = np.array([0.1, 0.1, 0.2, 0.2])
    ROI_ALIGN = "matterport"  # one sample per bin; "aligned": 2 x 2 samples, half-pixel centres
    POOL_SIZE = 7
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    USE_MASK_HEAD = True  # False: Faster R-CNN
    MASK_POOL_SIZE = 14
    MASK_SHAPE: Sequence[int] = [28, 28]
    MASK_HEAD_SIZE = 256  # width of the mask head's convolutions
    MASK_FINE_SIZE = 0  # width of the layers that refine masks with the image at stride 2; 0: none, as in the original
    # How masks are taught and read (`mrcnn.geometry.regions`). "matterport": as in the original, whose masks are about
    # 5 % too small. "area": without bias; the boxes of detections enclose their masks. Needs USE_MINI_MASK.
    MASK_GEOMETRY = "matterport"
    MASK_REGION_SCALE = 1.0  # factor by which regions are grown for the mask head; only "area" can have more than 1

    # --- Detection ---
    DETECTION_MAX_INSTANCES = 100
    DETECTION_MIN_CONFIDENCE = 0.7
    DETECTION_NMS_THRESHOLD = 0.3

    # --- Semantic models (`mrcnn.engine.segmenter`), which also use the training and image settings above ---
    SEMANTIC_MODEL: str | None = None  # "unet" or "fcn"; None: settings of a Mask R-CNN
    SEMANTIC_CROP = 256  # side of the training crops and of the prediction tiles
    SEMANTIC_DECODER: Sequence[int] = (128, 64, 48, 32)  # U-Net's widths at strides 16, 8, 4 and 2
    SEMANTIC_LOSS = "focal"  # "cross_entropy", "focal", "dice" or "focal_dice"
    SEMANTIC_FOCAL_GAMMA = 2.0  # 0: the focal loss is the cross entropy
    SEMANTIC_CLASS_WEIGHTS: Sequence[float] | None = None  # in the loss, one per class, background first; None: equal

    # --- Recorded by a training, to bring other images to the scale of its images (`mrcnn.inference.scale`) ---
    CLASS_NAMES: Sequence[str] | None = None  # background first; None: those of the run's first training set
    TRAINED_SCALE: float | None = None  # pixels of the network per pixel of a training image (median)
    TRAINED_RESCALED: float | None = None  # factor of images before they are resized, to the object size of the weights
    TRAINED_OBJECT_PX: Sequence[float] | None = None  # quartiles of the objects' equivalent diameter, network pixels
    TRAINED_PIXEL_NM: Sequence[float] | None = None  # (y, x) of a network pixel in nm, if known
    TRAINED_MASK_GEOMETRY: str | None = None  # the MASK_GEOMETRY by which the weights of the mask head were taught
    TRAINED_GREY: Sequence[float] | None = None  # median grey level (0 to 255) and noise of the training images
    TRAINED_STRETCHED: bool | None = None  # whether images that are not 8 bits are stretched (see SCALE_INTENSITY)

    # --- Behaviour ---
    MATTERPORT_EXACT = False  # True: the original's sampling and class loss, for parity (docs/training.md)
    # "float32", "mixed_bfloat16", or "auto": bfloat16 where the hardware is faster with it (`mrcnn.hardware`), float32
    # elsewhere and with MATTERPORT_EXACT.
    PRECISION = "auto"
    PIXEL_SIZE_NM: float | Sequence[float] | None = None  # of the stored images, if the files do not state it; (y, x)

    COMPUTED = ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE")

    def __init__(self, **overrides):
        self._drop_computed()
        # Copies of mutable values, so config.LOSS_WEIGHTS[...] = 2 changes only this config.
        for name in self.known_names():
            value = getattr(type(self), name)
            if isinstance(value, (dict, list, np.ndarray)) and name not in vars(self):
                setattr(self, name, value.copy())
        misspelt = next((c for c in type(self).__mro__ if "VALIDATION_STPES" in vars(c)), Config)
        if misspelt is not Config and type(self).VALIDATION_STEPS == Config.VALIDATION_STEPS:
            self.VALIDATION_STEPS = self.VALIDATION_STPES
        for name, value in overrides.items():
            self._refuse_unknown(name)
            setattr(self, name, value)

    def _drop_computed(self):
        """Drop a subclass's values of computed settings, which the original package overwrote too."""
        for base in (c for c in type(self).__mro__ if c not in Config.__mro__):
            for name in self.COMPUTED:
                if name in vars(base) and not isinstance(vars(base)[name], property):
                    warnings.warn(
                        f"{base.__name__}.{name} = {vars(base)[name]} has no effect, as in Matterport's package: it is "
                        f"computed. Set {_SOURCES[name]}, or set {name} on the config instance.",
                        stacklevel=3,
                    )
                    delattr(base, name)

    # Computed on access, so settings changed on the instance take effect; an assigned value wins, for scripts that set
    # config.BATCH_SIZE by hand.
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
        value = self.__dict__["_IMAGE_SHAPE"] = np.asarray(value)
        # The original's recipe for other channel counts was to set only this.
        if value.shape == (3,) and self.IMAGE_CHANNEL_COUNT == Config.IMAGE_CHANNEL_COUNT:
            self.IMAGE_CHANNEL_COUNT = int(value[2])

    @property
    def IMAGE_META_SIZE(self):
        return self.__dict__.get("_IMAGE_META_SIZE", 1 + 3 + 3 + 4 + 1 + self.NUM_CLASSES)

    @IMAGE_META_SIZE.setter
    def IMAGE_META_SIZE(self, value):
        self.__dict__["_IMAGE_META_SIZE"] = value

    @property
    def VALIDATION_STPES(self):
        """VALIDATION_STEPS, as first spelt in Matterport's package."""
        return self.VALIDATION_STEPS

    @VALIDATION_STPES.setter
    def VALIDATION_STPES(self, value):
        self.VALIDATION_STEPS = value

    @property
    def MASK_SLOTS(self):
        """Number of a training image's ROIs that can be positive, the only ones that the mask head processes."""
        return max(1, int(self.TRAIN_ROIS_PER_IMAGE * self.ROI_POSITIVE_RATIO))

    def __getattr__(self, name):
        """Attributes read by scripts from before Matterport's version 2.1; any other name is an error."""
        if name == "BACKBONE_SHAPES":
            return np.ceil(self.IMAGE_SHAPE[:2] / np.asarray(self.BACKBONE_STRIDES)[:, None]).astype(int)
        if name == "IMAGE_PADDING":
            return self.IMAGE_RESIZE_MODE in ("square", "fit")
        raise AttributeError(f"'{type(self).__name__}' object has no attribute {name!r}")

    # --- Reading and writing ---
    @classmethod
    def known_names(cls) -> list[str]:
        """Names of all settings of this class, including those added by subclasses."""
        return sorted(n for n in dir(cls) if n.isupper() and not n.startswith("_") and n not in _NO_SETTINGS)

    def _own_names(self):
        """Names of the user's own settings that `from_dict` read and this class does not have."""
        return vars(self).get("_own", ())

    def _set_by_hand(self, name):
        """Whether a value was assigned to a computed setting."""
        return f"_{name}" in vars(self)

    def to_dict(self) -> dict:
        """All settings of this class as a dict of JSON-ready values: arrays and tuples as lists, callables by name.

        Includes a user's own settings that `from_dict` read. Computed settings are included only if set by hand. Other
        attributes that the user added to the instance are not included.
        """
        names = (n for n in self.known_names() if n not in self.COMPUTED or self._set_by_hand(n))
        return {n: plain(getattr(self, n)) for n in (*names, *self._own_names())}

    def to_json(self, path: str | os.PathLike) -> None:
        """Write the settings to a JSON file; an existing one is replaced only once the new one is complete."""
        path = Path(path)
        try:
            with draft_of(path) as draft:
                draft.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{path}: the settings cannot be written ({error.strerror or error}).") from error

    @classmethod
    def from_dict(cls, values: dict) -> Self:
        """A config with these values. Lists become arrays or tuples again if the default of the class is one.

        A run that was written before MASK_GEOMETRY existed has Matterport's masks, whatever the defaults of this class
        are. A name in capitals that this class does not have is a setting of the user's own
        subclass, whose values `to_dict` wrote: it becomes an attribute. A name that looks like a misspelling of a
        setting raises `ConfigError`.
        """
        if written_before(values, "MASK_GEOMETRY"):
            values = {**values, "MASK_GEOMETRY": "matterport", "MASK_REGION_SCALE": 1.0, "MASK_FINE_SIZE": 0}
        known = {*cls.known_names(), *_OLD_NAMES}
        own = [name for name in values if name not in known and name.isupper() and not name.startswith("_")]
        settings = {n: like_default(v, getattr(cls, n, None)) for n, v in values.items() if n not in own}
        config = cls(**settings)
        for name in own:
            setattr(config, name, values[name])
        config._refuse_misspelt(beside=values)
        vars(config)["_own"] = tuple(own)
        return config

    @classmethod
    def from_json(cls, path: str | os.PathLike) -> Self:
        """A config from a file written by `to_json`."""
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read as a JSON file of settings ({error}).") from error
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: contains no settings; expected one JSON object of names and values.")
        try:
            return cls.from_dict(values)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def set_from_text(self, assignment: str) -> None:
        """Apply ``NAME=VALUE`` from the command line; the value is JSON or a Python literal, otherwise plain text."""
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ConfigError(f"'{assignment}': expected NAME=VALUE, for example IMAGES_PER_GPU=1.")
        self._refuse_unknown(name)
        value = text if name == "NAME" else value_of(text)
        setattr(self, name, like_default(value, getattr(type(self), name)))

    def display(self) -> None:
        """Print all settings, one per line."""
        print("\nConfigurations:")
        for name in sorted({*self.known_names(), *(n for n in vars(self) if n.isupper() and not n.startswith("_"))}):
            print(f"{name:30} {getattr(self, name)}")
        print()

    # --- Validation ---
    def _refuse_unknown(self, name):
        known = self.known_names()
        if name not in known and name not in _OLD_NAMES:
            near = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
            hint = f" Did you mean {near[0]}?" if near else " Config.known_names() lists them all."
            raise ConfigError(f"There is no setting {name}.{hint}")

    def _refuse_misspelt(self, beside=()):
        """A new name is the user's own setting, unless it looks like a misspelling of one of ours.

        LEARNING_RATE_2 and IMAGE_MAX_SCALE are not misspellings: an extended name of ours, or a new combination of our
        words. Nor is CPU_COUNT if the same class, or the same file (`beside`), sets GPU_COUNT.
        """
        bodies = [vars(c) for c in type(self).__mro__ if c not in Config.__mro__] + [dict.fromkeys(beside)]
        ours = {n for n in dir(Config) if n.isupper()}
        words = {word for n in ours for word in n.split("_")}
        for name in sorted({*self.known_names(), *vars(self)} - ours - {*_OLD_NAMES, *self._own_names()}):
            near = difflib.get_close_matches(name, ours, n=1, cutoff=0.85)
            own = near and (
                name.startswith(f"{near[0]}_")
                or words.issuperset(name.split("_"))
                or any({name, near[0]} <= body.keys() for body in bodies)
            )
            if name.isupper() and not name.startswith("_") and near and not own:
                raise ConfigError(f"There is no setting {name}. Did you mean {near[0]}?")

    def validate(self, class_names: Sequence[str] | None = None) -> None:
        """Raise `ConfigError` for the first invalid setting.

        Parameters
        ----------
        class_names : sequence of str, optional
            Class names of the data set, background first; their number must be NUM_CLASSES, and none may have another
            id in CLASS_NAMES.
        """
        self._refuse_misspelt()
        check_settings(self)
        if class_names is not None and len(class_names) != self.NUM_CLASSES:
            raise ConfigError(
                f"NUM_CLASSES is {self.NUM_CLASSES}, but the data set has {len(class_names)} classes, background "
                f"included: {', '.join(class_names)}. Set NUM_CLASSES = {len(class_names)}."
            )
        if class_names is not None and self.CLASS_NAMES:
            check_class_order(self.CLASS_NAMES, class_names)


class SemanticConfig(Config):
    """Settings of a U-Net or FCN for `mrcnn.engine.segmenter.SemanticSegmenter`; subclass it like `Config`.

    Training uses crops of side SEMANTIC_CROP and prediction uses tiles, without resizing: settings for resizing,
    anchors, regions and heads have no effect.
    """

    SEMANTIC_MODEL = "unet"
    NUM_CLASSES = 2  # background included
    BACKBONE = "efficientnet_b0"  # the encoder: any keras.applications name, or a callable
    TRAIN_BN = None  # for the encoder: batch statistics while training
    IMAGES_PER_GPU = 8  # crops per batch
    STEPS_PER_EPOCH = None  # as many crops as cover every image once
    VALIDATION_STEPS = None  # every validation image, crop by crop
    OPTIMIZER = "adam"
    LEARNING_RATE_SCHEDULE = "cosine"
    DETECTION_MIN_CONFIDENCE = 0.0  # threshold for the mean probability of an object
