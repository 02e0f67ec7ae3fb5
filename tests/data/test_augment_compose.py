"""Combining transforms, and what is accepted as an augmentation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.data.augment import (
    Compose,
    FlipLR,
    FlipUD,
    OneOf,
    SomeOf,
    Sometimes,
    apply_augmentation,
    micrograph_augmentation,
)
from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances

image = np.arange(48, dtype=np.uint8).reshape(6, 8, 1)
objects = Instances((6, 8))


class Add:
    """Adds a number, so the result shows which transforms ran."""

    def __init__(self, amount):
        self.amount = amount

    def __call__(self, image, instances, rng):
        return image + np.uint8(self.amount), instances


def amounts(augmentation, draws=60):
    return [
        int(apply_augmentation(augmentation, image, objects, np.random.default_rng(s))[0][0, 0, 0])
        for s in range(draws)
    ]


def test_none_and_an_empty_list_change_nothing():
    assert apply_augmentation(None, image, objects, None) == (image, objects)
    assert apply_augmentation([], image, objects, None)[0] is image


def test_a_list_and_compose_run_in_order():
    both = image[::-1, ::-1] + np.uint8(3)
    for augmentation in ([FlipLR(1), FlipUD(1), Add(3)], Compose([FlipLR(1), FlipUD(1), Add(3)])):
        changed, _ = apply_augmentation(augmentation, image, objects, np.random.default_rng(0))
        np.testing.assert_array_equal(changed, both)


def test_one_of_some_of_and_sometimes_choose_what_they_say():
    assert set(amounts(OneOf([Add(1), Add(2), Add(4)]))) == {1, 2, 4}
    assert set(amounts(SomeOf(2, [Add(1), Add(2), Add(4)]))) == {3, 5, 6}
    assert set(amounts(SomeOf((0, 2), [Add(1), Add(2)]))) == {0, 1, 2, 3}
    assert 10 < sum(amounts(Sometimes(0.5, [Add(1), Compose([Add(0)])]))) < 50
    assert set(amounts(Sometimes(0, Add(1)))) == {0} and set(amounts(Sometimes(1, Add(1)))) == {1}


@pytest.mark.parametrize("augmentation", ["flip", 3, FlipLR, {"flip": 1}])
def test_what_is_no_augmentation_is_refused(augmentation):
    with pytest.raises(ConfigError, match="must be None, a transform"):
        apply_augmentation(augmentation, image, objects, np.random.default_rng(0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: OneOf([]),
        lambda: Compose(FlipLR()),
        lambda: SomeOf(3, [FlipLR()]),
        lambda: SomeOf((2, 1), [FlipLR(), FlipUD()]),
        lambda: Sometimes(2, FlipLR()),
        lambda: micrograph_augmentation("extreme"),
    ],
)
def test_settings_that_cannot_work_are_refused(make):
    with pytest.raises(ConfigError):
        make()


def test_an_own_transform_that_changes_shape_or_dtype_is_refused():
    with pytest.raises(ConfigError, match="keeps the size"):
        apply_augmentation(lambda i, o, rng: (i[:3], o), image, objects, None)
    with pytest.raises(ConfigError, match="keeps the size"):
        apply_augmentation(lambda i, o, rng: (i, Instances((3, 8))), image, objects, None)
    with pytest.raises(ConfigError, match="keep the dtype"):
        apply_augmentation(lambda i, o, rng: (i / 2, o), image, objects, None)


@pytest.mark.parametrize("strength", ["light", "normal", "strong"])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_the_preset_keeps_image_and_masks_together(strength, seed):
    labels = np.zeros((64, 96), np.int32)
    labels[10:40, 12:40], labels[20:60, 60:90] = 1, 2
    grey = np.where(labels > 0, 220, 30).astype(np.uint8)[..., None]
    changed, moved = apply_augmentation(
        micrograph_augmentation(strength), grey, Instances.from_label_image(labels), np.random.default_rng(seed)
    )
    assert changed.shape == grey.shape and changed.dtype == np.uint8
    bright = changed[..., 0] > (int(changed.min()) + int(changed.max())) / 2
    masked = moved.foreground()
    assert (bright & masked).sum() / (bright | masked).sum() > 0.85
