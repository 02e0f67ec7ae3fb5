"""The option --object-size: scales, the sentences about them, and the advice to use it."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn.commands.scaling import (
    AUTO,
    OFF,
    PIXEL_SIZE,
    FoundFor,
    advice,
    at_object_size,
    check_object_size,
    chosen_scale,
    network_diameters,
    scale_sentences,
)
from mrcnn.config import Config
from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances

CONFIG = Config(TRAINED_OBJECT_PX=[20, 30, 40], TRAINED_PIXEL_NM=[10, 10], TRAINED_SCALE=0.5)


def test_the_pixel_size_of_the_image_decides():
    scale, sentence = chosen_scale(PIXEL_SIZE, CONFIG, (2.5, 2.5))
    assert scale == 0.25
    assert sentence == (
        "Images are detected at 25 % of their size: its pixels of 2.5 nm are brought to the 10 nm of the training."
    )
    assert chosen_scale(PIXEL_SIZE, CONFIG, (5, 5)) == (0.5, None)


def test_a_pixel_size_that_lacks_is_told_if_the_other_is_known_or_it_was_asked_for():
    scale, sentence = chosen_scale(PIXEL_SIZE, CONFIG, None)
    assert scale == 0.5 and sentence.startswith("Images that do not state their pixel size are not scaled")
    unknown = Config(TRAINED_SCALE=0.5)
    scale, sentence = chosen_scale(PIXEL_SIZE, unknown, (5, 5))
    assert scale == 0.5 and sentence.startswith("This run does not record the pixel size of its training images")
    assert chosen_scale(PIXEL_SIZE, unknown, None) == (0.5, None)  # neither is known
    assert "--object-size auto" in chosen_scale(PIXEL_SIZE, unknown, None, asked=True)[1]
    assert chosen_scale("off", CONFIG, None) == (0.5, None)
    assert chosen_scale(PIXEL_SIZE, Config(), (5, 5))[0] is None


def test_a_diameter_and_off():
    scale, sentence = chosen_scale(60.0, CONFIG, (2.5, 2.5))
    assert scale == 0.5 and "at 50 % of their size: objects of 60 pixels" in sentence
    assert chosen_scale(OFF, CONFIG, (2.5, 2.5)) == (0.5, None)  # as in training, whatever the size of the image
    fit = Config(TRAINED_SCALE=1.0, IMAGE_RESIZE_MODE="fit")
    assert chosen_scale(OFF, fit, None) == (None, None)  # images have their own scale anyway


def test_a_diameter_is_that_before_the_preparation():
    scale, sentence = chosen_scale(60.0, CONFIG, None, downscale=2)
    assert scale == 1.0 and "objects of 60 pixels" in sentence
    detector = SimpleNamespace(config=CONFIG, scale=None)
    with at_object_size(detector, None, 60.0, downscale=4):
        assert detector.scale == 2.0
    assert detector.scale is None


def test_sentences_on_scales_that_were_found():
    why = "there the objects have about the size of those in training, 30 pixels, and "
    found = [
        FoundFor("a", 0.5, why + "1.3 times the area is covered by them"),
        FoundFor("b", None, "no other scale is clearly better"),
        FoundFor("c", 0.45, why + "are found"),
        FoundFor("d", None, "nothing was found"),
        FoundFor("e", 2.0, why + "are found"),
        FoundFor("f", None, "no other scale is clearly better"),
    ]
    assert scale_sentences(found) == [
        f"2 images (a, ...) are detected at 45 % to 50 % of their size: {why.removesuffix(', and ')}.",
        "2 images (b, ...) are detected at the scale of the training: no other scale is clearly better.",
        "d is detected at the scale of the training: nothing was found.",
        f"e is detected at 200 % of its size: {why}are found.",
    ]
    assert scale_sentences([]) == []
    assert scale_sentences([found[0], found[0]._replace(image="z")])[0].startswith(
        "2 images (a, ...) are detected at 50 % of their size"
    )


@pytest.mark.parametrize("choice", [AUTO, 60.0])
def test_what_needs_the_sizes_of_the_training_is_refused_without_them(choice):
    check_object_size(choice, CONFIG)
    with pytest.raises(ConfigError, match=rf"--object-size {choice} needs.*--object-size off, or train it again"):
        check_object_size(choice, Config())
    for other in (PIXEL_SIZE, OFF):
        check_object_size(other, Config())


def test_diameters_are_in_pixels_of_the_network():
    found = Instances((50, 50), [[0, 0, 20, 20]], [1], None, [np.ones((20, 20), bool)])
    diameter = 2 * np.sqrt(400 / np.pi)
    assert network_diameters(found, 2, CONFIG) == pytest.approx([2 * diameter])
    assert network_diameters(found, None, CONFIG) == pytest.approx([diameter / 2])  # at the scale of the training


@pytest.mark.parametrize(
    ("count", "diameters", "words"),
    [
        (0, [], "No objects were found.*there 30 pixels wide.*--object-size auto"),
        (50, [10, 10, 30], "In 2 of the images.*typically 10 pixels of the network, there 30"),
        (50, [90], "In 1 of the images.*typically 90"),
        (50, [30] * 9 + [90], None),  # too few
        (50, [16, 51], None),  # within 30 % of the quartiles
        (3, [], None),
    ],
)
def test_advice(count, diameters, words):
    said = advice(count, diameters, CONFIG, PIXEL_SIZE)
    if words is None:
        assert said is None
    else:
        assert re.search(words, said), said
    assert advice(count, diameters, CONFIG, AUTO) is None and advice(count, diameters, Config(), PIXEL_SIZE) is None
