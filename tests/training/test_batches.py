"""Batches: they depend only on seed, epoch and step; every image once per pass; original errors are kept."""

import types

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config
from mrcnn.data.augment import FlipLR, GaussianNoise
from mrcnn.data.dataset import Dataset
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.errors import DataError
from mrcnn.training.batches import SampleBatches, ValidationBatches, stack_samples
from mrcnn.training.recipes import MASK_RCNN


class SmallConfig(Config):
    NUM_CLASSES = 4
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    MAX_GT_INSTANCES = 3
    MINI_MASK_SHAPE = (16, 16)


def numbered(count):
    """A data set with ids only."""
    return types.SimpleNamespace(image_ids=np.arange(count), image_info=[{"source": "s"}] * count)


def shapes(count=5, seed=0, side=64):
    dataset = ShapesDataset()
    dataset.load_shapes(count, side, side, seed)
    dataset.prepare()
    return dataset


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


@given(count=st.integers(1, 23), batch=st.integers(1, 7), steps=st.none() | st.integers(1, 9), seed=st.integers(0, 5))
def test_every_image_once_per_pass(count, batch, steps, seed):
    batches = SampleBatches(numbered(count), SmallConfig(IMAGES_PER_GPU=batch, SEED=seed), steps)
    epochs = -(-3 * count // (batches.steps * batch))
    order = [i for epoch in range(epochs) for step in range(batches.steps) for i in batches.ids_of(epoch, step)]
    for start in range(0, 3 * count, count):
        assert sorted(order[start : start + count]) == list(range(count))


@given(
    count=st.integers(1, 23),
    batch=st.integers(1, 4),
    steps=st.integers(1, 5),
    places=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=9),
)
def test_a_batch_does_not_depend_on_earlier_batches(count, batch, steps, places):
    config = SmallConfig(IMAGES_PER_GPU=batch)
    used = SampleBatches(numbered(count), config, steps)
    for epoch, step in places:
        fresh = SampleBatches(numbered(count), config, steps, epoch=epoch, first_step=min(step, steps - 1))
        assert used.ids_of(epoch, step % steps) == fresh.ids_of(epoch, step % steps)


def test_seeds_and_passes_differ():
    orders = [SampleBatches(numbered(30), SmallConfig(SEED=s), None).ids_of(e, 0) for s in (0, 1) for e in (0, 1)]
    assert len({tuple(o) for o in orders}) == 4


@given(count=st.integers(1, 9), batch=st.integers(1, 4), epoch=st.integers(0, 5))
def test_without_shuffling_every_epoch_is_the_same(count, batch, epoch):
    batches = SampleBatches(numbered(count), SmallConfig(IMAGES_PER_GPU=batch), None, shuffle=False)
    order = [i for step in range(len(batches)) for i in batches.ids_of(epoch, step)]
    assert order[:count] == list(range(count)) and len(order) < count + batch


@given(count=st.integers(1, 23), batch=st.integers(1, 9), steps=st.none() | st.integers(1, 30))
def test_each_image_has_weight_one_once_in_validation(count, batch, steps):
    batches = ValidationBatches(numbered(count), SmallConfig(IMAGES_PER_GPU=batch), steps)
    whole = -(-count // batch)
    assert len(batches) == min(whole, steps or whole)
    places = [p for step in range(len(batches)) for p in zip(batches.ids_of(0, step), batches.weights_of(step))]
    assert len(places) == len(batches) * batch
    assert [i for i, weight in places if weight] == list(range(min(count, len(batches) * batch)))
    assert {weight for _, weight in places} <= {0, 1} and places[0][1] == 1


@given(count=st.integers(1, 9), batch=st.integers(1, 9), step=st.integers(0, 9))
def test_batches_for_training_have_no_filler(count, batch, step):
    batches = SampleBatches(numbered(count), SmallConfig(IMAGES_PER_GPU=batch), None)
    assert batches.weights_of(step).tolist() == [1.0] * batch


def test_batches_for_validation_have_one_shape_and_weights():
    config = SmallConfig(IMAGES_PER_GPU=4)
    batches = MASK_RCNN.validation_batches(shapes(5), config)
    (first, _, full), (last, _, partly) = (batches[i] for i in range(len(batches)))
    assert {name: (a.shape, a.dtype) for name, a in first.items()} == {
        name: (a.shape, a.dtype) for name, a in last.items()
    }
    assert full.dtype == partly.dtype == np.float32
    assert (full.tolist(), partly.tolist()) == ([1, 1, 1, 1], [1, 0, 0, 0])
    plain = SampleBatches(shapes(5), config, shuffle=False)
    assert same(first, plain[0][0]) and same(last, plain[1][0])
    few = MASK_RCNN.validation_batches(shapes(3), SmallConfig(IMAGES_PER_GPU=8, VALIDATION_STEPS=50))
    assert len(few) == 1 and few[0][2].tolist() == [1] * 3 + [0] * 5
    short = MASK_RCNN.validation_batches(shapes(5), SmallConfig(IMAGES_PER_GPU=2, VALIDATION_STEPS=2))
    assert [short[i][2].tolist() for i in range(len(short))] == [[1, 1], [1, 1]]


def test_augmented_arrays_are_repeatable_and_a_late_start_joins_in():
    augmentation = [FlipLR(), GaussianNoise()]
    whole = SampleBatches(shapes(), SmallConfig(), 4, augmentation=augmentation, epoch=1)
    late = SampleBatches(shapes(), SmallConfig(), 4, augmentation=augmentation, epoch=1, first_step=2)
    first = [whole[i][0] for i in range(4)]
    assert len(late) == 2
    assert same(late[1][0], first[3]) and same(late[0][0], first[2])
    late.epoch = 2
    assert not same(late[0][0], first[2])


def test_keras_signs_of_an_epochs_end_change_nothing():
    batches = SampleBatches(shapes(), SmallConfig(), 4, epoch=3, first_step=1)
    batches.on_epoch_end()
    assert (batches.epoch, batches.first_step, len(batches)) == (3, 1, 3)


def test_shapes_and_types():
    arrays = SampleBatches(shapes(), SmallConfig(IMAGES_PER_GPU=3), None)[0][0]
    assert {name: (a.shape, a.dtype.name) for name, a in arrays.items()} == {
        "input_image": ((3, 64, 64, 3), "float32"),
        "input_image_meta": ((3, 16), "float32"),
        "input_gt_class_ids": ((3, 3), "int32"),
        "input_gt_boxes": ((3, 3, 4), "float32"),
        "input_gt_masks": ((3, 16, 16, 3), "bool"),
        "input_has_masks": ((3,), "bool"),
    }
    config = SmallConfig(USE_MASK_HEAD=False)
    samples = SampleBatches(shapes(), config, None).samples_of(0, 0)
    assert not [name for name in stack_samples(samples, config) if "mask" in name]


class SomeBoxes(ShapesDataset):
    """For images with odd ids, only the boxes are known."""

    def has_masks(self, image_id):
        return image_id % 2 == 0


def test_images_with_masks_and_with_boxes_only_in_one_batch():
    dataset = SomeBoxes()
    dataset.load_shapes(4, 64, 64, seed=0)
    dataset.prepare()
    arrays = SampleBatches(dataset, SmallConfig(IMAGES_PER_GPU=4), None, shuffle=False)[0][0]
    assert arrays["input_has_masks"].tolist() == [True, False, True, False]
    assert arrays["input_gt_masks"].any(axis=(1, 2, 3)).tolist() == [True, False, True, False]
    assert arrays["input_gt_class_ids"].any(axis=1).all()


def test_no_augmentation_sources():
    config, plain = SmallConfig(), SampleBatches(shapes(), SmallConfig(), None)[0][0]
    left = SampleBatches(shapes(), config, None, True, [GaussianNoise()], ["shapes"])[0][0]
    changed = SampleBatches(shapes(), config, None, True, [GaussianNoise()], ["others"])[0][0]
    assert same(left, plain) and not same(changed, plain)


class NaNPictures(Dataset):
    channels = 1

    def load_image(self, image_id):
        return np.full((64, 64, 1), np.nan, np.float32)

    def load_mask(self, image_id):
        return np.ones((64, 64, 1), bool), np.ones(1, np.int32)


def test_the_error_of_an_image_is_kept_and_named():
    dataset = NaNPictures()
    dataset.add_class("s", 1, "thing")
    dataset.add_image("s", 0, "broken.tif")
    dataset.prepare()
    batches = SampleBatches(dataset, SmallConfig(NUM_CLASSES=2), None)
    with pytest.raises(DataError, match="broken.tif.*NaN") as caught:
        batches[0]
    assert batches.error is caught.value


def test_an_image_that_does_not_get_the_models_size():
    with pytest.raises(DataError, match=r"square, .*|.*\(100, 100, 3\) after resizing.*'fit', 'square' or 'crop'"):
        SampleBatches(shapes(side=100), SmallConfig(IMAGE_RESIZE_MODE="none"), None)[0]


def test_crops_of_large_images_change_in_training_and_not_in_validation():
    for shuffle in (True, False):
        make = [SampleBatches(shapes(1, side=200), SmallConfig(IMAGE_RESIZE_MODE="fit"), 2, shuffle) for _ in range(2)]
        seen = [batches.arrays_of(epoch, step)[0] for batches in make for epoch in (0, 1) for step in (0, 1)]
        assert all(arrays["input_image"].shape == (2, 64, 64, 3) for arrays in seen)
        assert all(arrays["input_gt_class_ids"].any(axis=1).all() for arrays in seen)
        assert all(same(one, other) for one, other in zip(seen[:4], seen[4:]))
        assert same(seen[0], seen[2]) is not shuffle


def test_keras_takes_them_in_order():
    """`fit` with shuffle=False passes the batches to the model in their order."""
    batches, seen = SampleBatches(shapes(), SmallConfig(), 5), []

    class Watch(keras.Model):
        def __init__(self):
            super().__init__()
            self.weight = self.add_weight(name="w", shape=())

        def call(self, inputs):
            return self.weight * keras.ops.mean(inputs["input_image_meta"])

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return y_pred + 0 * self.weight

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    wanted = [batches.ids_of(0, step) for step in range(5)]
    asked = []
    original = batches.samples_of
    batches.samples_of = lambda epoch, step: asked.append(step) or original(epoch, step)
    model = Watch()
    model.compile("sgd", jit_compile=False)
    model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[Note()])
    assert seen == list(range(5)) and asked[-5:] == list(range(5))
    assert [batches.ids_of(0, step) for step in range(5)] == wanted
