"""Invalid settings are rejected in one sentence with the remedy; values that the original accepts are accepted."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.errors import ConfigError


class Cells(Config):
    NAME = "cells"
    NUM_CLASSES = 2
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("IMAGES_PER_GPU", 0, "whole number of at least 1, not 0"),
        ("IMAGES_PER_GPU", "2", "whole number of at least 1, not '2'"),
        ("IMAGES_PER_GPU", True, "whole number"),
        ("TRAIN_ROIS_PER_IMAGE", 10.5, "whole number"),
        ("SEED", -1, "at least 0"),
        ("KEEP_CHECKPOINTS", 0, "KEEP_CHECKPOINTS must be a whole number of at least 1"),
        ("EARLY_STOPPING", True, "EARLY_STOPPING must be"),
        ("VALIDATE_EVERY", None, "VALIDATE_EVERY must be"),
        ("LEARNING_RATE", "0.1", "number from 0"),
        ("LEARNING_RATE", float("nan"), "number from 0"),
        ("DETECTION_MIN_CONFIDENCE", 70, "number from 0 to 1"),
        ("ROI_POSITIVE_RATIO", 0, "ROI_POSITIVE_RATIO must be a number from 0.001 to 1"),
        ("GRADIENT_CLIP_NORM", 0, "GRADIENT_CLIP_NORM"),
        ("IMAGE_RESIZE_MODE", "quadratic", "one of 'none', 'square', 'pad64', 'crop', 'fit'"),
        ("IMAGE_RESIZE_MODE", np.array(["square"]), "one of"),
        ("OPTIMIZER", "rmsprop", "one of 'sgd', 'adam'"),
        ("TRAIN_BN", "yes", "one of None, False, True"),
        ("LOSS_WEIGHTS", [1, 1, 1, 1, 1], "must be a dict"),
        ("LOSS_WEIGHTS", {"mask_loss": 1.0}, "no loss 'mask_loss'; the losses are rpn_class_loss"),
        ("LOSS_WEIGHTS", {"rpn_class_loss": "a"}, "LOSS_WEIGHTS\\['rpn_class_loss'\\] must be a number"),
        ("IMAGE_MAX_DIM", 1000, "1000 pixels.*not divisible by 64.*Use 960 or 1024"),
        ("IMAGE_MAX_DIM", 32, "Use 64 or 128"),
        ("IMAGE_SHAPE", [128, 128], "IMAGE_SHAPE must be"),
        ("IMAGE_SHAPE", [100, 128, 3], "image height.*not divisible"),
        ("IMAGE_SHAPE", [128, 100, 3], "image width.*not divisible"),
        ("MEAN_PIXEL", [1.0, 2.0], "MEAN_PIXEL has 2 values, but IMAGE_CHANNEL_COUNT is 3"),
        ("MEAN_PIXEL", "grey", "MEAN_PIXEL must be numbers"),
        ("MEAN_PIXEL", [1, 2, float("inf")], "MEAN_PIXEL must be numbers"),
        ("PIXEL_SIZE_NM", 0, "PIXEL_SIZE_NM must be one positive number or \\(y, x\\)"),
        ("PIXEL_SIZE_NM", [5, 5, 5], "PIXEL_SIZE_NM"),
        ("PIXEL_SIZE_NM", 1e300, "pixel size of 1e\\+300 nm is below 1 pm or above 1 m, which no microscope has"),
        ("RPN_ANCHOR_SCALES", (8, 16, 32, 64, 128, 256), "RPN_ANCHOR_SCALES has 6 entries and BACKBONE_STRIDES 5"),
        ("RPN_ANCHOR_SCALES", 32, "RPN_ANCHOR_SCALES must be a list of one or more positive numbers"),
        ("BACKBONE_STRIDES", [4, 8, 16, 32], "BACKBONE_STRIDES has 4 entries.*Give five"),
        ("RPN_ANCHOR_RATIOS", [], "RPN_ANCHOR_RATIOS must be"),
        ("RPN_ANCHOR_RATIOS", [1, -1], "RPN_ANCHOR_RATIOS must be"),
        ("RPN_BBOX_STD_DEV", [0.1, 0.1], "list of 4 positive numbers"),
        ("BBOX_STD_DEV", ["a", "b", "c", "d"], "BBOX_STD_DEV must be"),
        ("RPN_NEGATIVE_IOU", 0.9, "larger than RPN_POSITIVE_IOU"),
        ("BACKBONE", 50, "BACKBONE must be a name or a callable"),
        ("BACKBONE", len, "COMPUTE_BACKBONE_SHAPE must be one too"),
        ("COMPUTE_BACKBONE_SHAPE", "sizes", "COMPUTE_BACKBONE_SHAPE must be a callable"),
        ("MASK_SHAPE", [56, 56], "set MASK_SHAPE = \\[28, 28\\]"),
        ("MASK_SHAPE", 28, "MASK_SHAPE must be a list of 2"),
        ("MASK_POOL_SIZE", 7, "set MASK_SHAPE = \\[14, 14\\]"),
        ("MINI_MASK_SHAPE", (56,), "MINI_MASK_SHAPE must be a list of 2"),
        ("MINI_MASK_SHAPE", (0.5, 56), "MINI_MASK_SHAPE must be \\(height, width\\)"),
        ("NAME", 7, "NAME must be a string"),
        ("SEMANTIC_MODEL", "segnet", "SEMANTIC_MODEL must be one of None, 'unet', 'fcn'"),
        ("SEMANTIC_LOSS", "jaccard", "SEMANTIC_LOSS must be one of 'cross_entropy'"),
        ("SEMANTIC_CROP", 100, "SEMANTIC_CROP is 100 pixels, which is not divisible by 32.*Use 96 or 128"),
        ("SEMANTIC_CROP", 0, "SEMANTIC_CROP must be a whole number of at least 1"),
        ("SEMANTIC_DECODER", (64, 32, 16), "SEMANTIC_DECODER must be four whole numbers"),
        ("SEMANTIC_DECODER", (64, 32, 16, 0), "SEMANTIC_DECODER must be four whole numbers"),
        ("SEMANTIC_FOCAL_GAMMA", -1, "SEMANTIC_FOCAL_GAMMA must be a number from 0"),
        ("SEMANTIC_CLASS_WEIGHTS", (1, 2, 3), "has 3 numbers, but NUM_CLASSES is 2"),
        ("SEMANTIC_CLASS_WEIGHTS", (0, 0), "SEMANTIC_CLASS_WEIGHTS must be non-negative numbers"),
        ("SEMANTIC_CLASS_WEIGHTS", 3, "SEMANTIC_CLASS_WEIGHTS must be non-negative numbers"),
    ],
)
def test_value_that_cannot_work_gives_one_clear_error(name, value, message):
    with pytest.raises(ConfigError, match=message):
        Cells(**{name: value}).validate()


def test_shorter_side_must_fit_in_mode_pad64():
    with pytest.raises(ConfigError, match="IMAGE_MIN_DIM, in mode 'pad64'"):
        Config(IMAGE_RESIZE_MODE="pad64").validate()
    Config(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=512).validate()
    Config(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=0).validate()
    for mode in ("pad64", "crop"):
        with pytest.raises(ConfigError, match=f"'{mode}' needs IMAGE_MIN_DIM"):
            Config(IMAGE_RESIZE_MODE=mode, IMAGE_MIN_DIM=None).validate()


def test_mode_fit_needs_only_the_side_of_the_square_and_a_usable_scale():
    for settings in ({"IMAGE_MIN_DIM": None}, {"IMAGE_MIN_DIM": 100}, {"IMAGE_MIN_SCALE": 1 / 64}):
        Cells(IMAGE_RESIZE_MODE="fit", **settings).validate()
    assert Cells(IMAGE_RESIZE_MODE="fit").IMAGE_PADDING is True
    with pytest.raises(ConfigError, match="image height.*IMAGE_MAX_DIM.*not divisible by 64"):
        Cells(IMAGE_RESIZE_MODE="fit", IMAGE_MAX_DIM=100).validate()
    with pytest.raises(ConfigError, match="IMAGE_MIN_SCALE must be 0 or a number from 1/64 to 64 in mode 'fit'"):
        Cells(IMAGE_RESIZE_MODE="fit", IMAGE_MIN_SCALE=0.01).validate()


def test_settings_that_the_original_took_are_taken():
    Cells(IMAGE_MIN_DIM=800, IMAGE_MAX_DIM=640).validate()  # only IMAGE_MAX_DIM set: images are reduced to fit
    Cells(IMAGE_MIN_DIM=None).validate()
    Cells(OPTIMIZER="ADAM").validate()  # as some forks write it
    Cells(RPN_ANCHOR_SCALES=(8, 16, 32, 64), VALIDATION_STEPS=0).validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STEPS_PER_EPOCH", None),
        ("VALIDATION_STEPS", None),
        ("VALIDATE_EVERY", 0),
        ("TRAIN_BN", None),
        ("MEAN_PIXEL", 40),
        ("NUM_CLASSES", np.int64(2)),
        ("PIXEL_SIZE_NM", 5),
        ("PIXEL_SIZE_NM", (5.0, 5.5)),
        ("RPN_ANCHOR_SCALES", [8, 16, 32, 64, 128]),
        ("LOSS_WEIGHTS", {"mrcnn_mask_loss": 0}),
        ("SEMANTIC_CLASS_WEIGHTS", [0, 1.5]),
        ("SEMANTIC_DECODER", [64, 32, 16, 8]),
        ("SEMANTIC_MODEL", "fcn"),
    ],
)
def test_values_that_users_give_are_allowed(name, value):
    Cells(**{name: value}).validate()


def test_class_names_must_be_as_many_as_num_classes():
    with pytest.raises(ConfigError, match="NUM_CLASSES is 2.*has 3 classes.*BG, cell, debris. Set NUM_CLASSES = 3"):
        Cells().validate(["BG", "cell", "debris"])


# --- names ---
def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="no setting NUM_CLASES. Did you mean NUM_CLASSES"):
        Config(NUM_CLASES=2)
    with pytest.raises(ConfigError, match="known_names"):
        Config(XYZZY=2)


def test_misspelt_attribute_of_a_subclass_is_refused_on_use():
    class Slip(Config):
        NUM_CLASES = 2

    with pytest.raises(ConfigError, match="NUM_CLASES. Did you mean NUM_CLASSES"):
        Slip().validate()


@pytest.mark.parametrize("name", ["LEARNING_RATE_2", "WEIGHT_DECAY_HEADS", "IMAGE_MAX_SCALE", "WAFER"])
def test_a_users_own_settings_are_let_through(name):
    own = type("OwnConfig", (Config,), {"NUM_CLASSES": 2, name: 1})()
    own.validate()
    assert own.to_dict()[name] == 1


def test_a_name_like_one_of_ours_is_the_users_own_beside_ours():
    class Both(Cells):
        GPU_COUNT, CPU_COUNT = 1, 4
        MEAN_PIXEL = MEAN_PIXELS = np.zeros(3)

    Both().validate()
    config = Both()
    config.NUM_CLASES = 3
    with pytest.raises(ConfigError, match="NUM_CLASES. Did you mean NUM_CLASSES"):
        config.validate()


def test_a_slip_beside_a_default_that_is_copied_is_refused():
    config = Cells()
    config.MEAN_PIXELS = np.zeros(3)
    with pytest.raises(ConfigError, match="Did you mean MEAN_PIXEL"):
        config.validate()


def test_validation_steps_as_the_original_misspelt_them():
    class Old(Cells):
        VALIDATION_STPES = 7

    class New(Old):
        VALIDATION_STEPS = 9

    assert (Old().VALIDATION_STEPS, New().VALIDATION_STEPS) == (7, 9)
    Old().validate()
    config = Cells()
    config.VALIDATION_STPES = 3
    assert config.VALIDATION_STEPS == 3
    assert Old.from_dict(Old().to_dict()).VALIDATION_STEPS == 7


def test_misspelt_attribute_of_an_instance_is_refused_on_use():
    config = Config()
    config.LEARNIN_RATE = 0.1
    with pytest.raises(ConfigError, match="Did you mean LEARNING_RATE"):
        config.validate()


def test_own_and_old_names_are_allowed():
    class Old(Cells):
        IMAGE_PADDING = True

    config = Old()
    config.MICROSCOPE = "Talos"
    config.validate()
    assert Old(IMAGE_PADDING=False).IMAGE_PADDING is False
    assert Cells.from_dict(config.to_dict()).IMAGE_PADDING is True
