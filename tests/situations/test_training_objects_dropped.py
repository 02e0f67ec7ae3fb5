"""An image holds more objects than MAX_GT_INSTANCES: the others would be taught as background."""

import numpy as np
import pytest
import tifffile

import mrcnn
from mrcnn import model as modellib
from mrcnn import utils
from mrcnn.commands.datasets import fitted_data
from mrcnn.commands.own_objects import DOMAIN
from mrcnn.commands.training_choice import training_options
from mrcnn.config import Config
from mrcnn.data.readers.open import open_dataset
from mrcnn.data.training_sample import prepare_sample


def squares(count, side=64):
    """A label image [side, side] with `count` objects of 2 x 2 pixels."""
    labels = np.zeros((side, side), np.uint16)
    for i in range(count):
        y, x = 4 * (i // (side // 4)), 4 * (i % (side // 4))
        labels[y : y + 2, x : x + 2] = i + 1
    return labels


def write(folder, *counts):
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for i, count in enumerate(counts):
        labels = squares(count)
        tifffile.imwrite(folder / "images" / f"p{i}.tif", np.where(labels > 0, 200, 20).astype(np.uint8))
        tifffile.imwrite(folder / "labels" / f"p{i}.tif", labels)
    return folder


def fitted(folder, *settings, **given):
    given = {"dataset": str(folder), "size": "demo", "validation": 0, **given}
    return fitted_data(DOMAIN, training_options(DOMAIN, {**given, "set": list(settings) or None}).with_defaults())


# --- The commands raise it ---
def test_a_command_makes_room_and_says_so(tmp_path, capsys):
    preset = DOMAIN.configs["demo"]().MAX_GT_INSTANCES
    fullest = preset + 30
    config, *_ = fitted(write(tmp_path, *[2] * 70, fullest, *[2] * 70))  # where no sample of 64 images would find it
    assert config.MAX_GT_INSTANCES == fullest
    said = capsys.readouterr().out
    assert f"p70.tif has {fullest} objects: MAX_GT_INSTANCES is raised from {preset} to {fullest}" in said
    assert "GB more memory" in said


def test_nothing_is_said_if_there_is_room(tmp_path, capsys):
    fitted(write(tmp_path, 3, 4))
    assert "MAX_GT_INSTANCES" not in capsys.readouterr().out


def test_images_of_validation_count(tmp_path, capsys):
    for name, count in (("train", 2), ("validation", DOMAIN.configs["demo"]().MAX_GT_INSTANCES + 5)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, count)
    config, *_ = fitted(tmp_path / "train", validation_dataset=str(tmp_path / "validation"))
    assert config.MAX_GT_INSTANCES == DOMAIN.configs["demo"]().MAX_GT_INSTANCES + 5


def test_a_given_number_is_kept(tmp_path, capsys):
    config, train, _ = fitted(write(tmp_path, 9), "MAX_GT_INSTANCES=3")
    assert config.MAX_GT_INSTANCES == 3
    with pytest.warns(UserWarning, match="p0.tif: has 9 objects, but MAX_GT_INSTANCES is 3"):
        prepare_sample(train, config, 0)


# --- Python and Matterport's interface say it ---
def test_training_says_it_before_the_first_step(tiny, tmp_path):
    """`tiny` has room for 4 objects."""
    dataset = open_dataset(write(tmp_path, 2, 9), channels=3)
    model = mrcnn.MaskRCNN("training", tiny.config(NUM_CLASSES=2, STEPS_PER_EPOCH=1), tmp_path / "logs")
    with pytest.warns(UserWarning, match="p1.tif: has 9 objects, but MAX_GT_INSTANCES is 4: .*= 9") as said:
        model.train(dataset, None, 0.001, epochs=1, layers="heads", verbose=0)
    assert sum("MAX_GT_INSTANCES" in str(warning.message) for warning in said) == 1


class Cells(utils.Dataset):
    """As in a script for Matterport's package."""

    def load_image(self, image_id):
        return np.dstack([np.where(squares(120) > 0, 200, 20).astype(np.uint8)] * 3)

    def load_mask(self, image_id):
        labels = squares(120)
        return np.stack([labels == i for i in range(1, 121)], axis=-1), np.ones(120, np.int32)


def test_the_old_generator_says_it():
    class Settings(Config):
        NAME, NUM_CLASSES, IMAGES_PER_GPU, IMAGE_MIN_DIM, IMAGE_MAX_DIM = "cells", 2, 1, 128, 128

    dataset = Cells()
    dataset.add_class("cells", 1, "cell")
    dataset.add_image("cells", 0, "many")
    dataset.prepare()
    with pytest.warns(UserWarning, match="has 120 objects, but MAX_GT_INSTANCES is 100"):
        inputs, _ = next(modellib.data_generator(dataset, Settings(), shuffle=False, batch_size=1))
    assert (inputs[4] > 0).sum() == 100
