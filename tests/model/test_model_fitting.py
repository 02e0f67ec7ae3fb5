"""Train and evaluate `keras_model` with the Keras 2 methods, as copies of the original's `train` do."""

import itertools

import keras
import numpy as np
import pytest

from mrcnn import model as modellib


class Batches(keras.utils.Sequence):
    """A custom `Sequence` of a script."""

    def __init__(self, dataset, config):
        super().__init__()
        self.generator = modellib.data_generator(dataset, config, batch_size=2)

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return next(self.generator)


class Endless:
    """An iterator that is not a generator."""

    def __init__(self, generator):
        self.generator = generator

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.generator)


@pytest.fixture(scope="module")
def model(config, tmp_path_factory):
    """One for all tests: its training step is compiled once."""
    model = modellib.MaskRCNN("training", config(), str(tmp_path_factory.mktemp("logs")))
    model.compile(0.001, 0.9)
    return model


@pytest.mark.parametrize("kind", ["generator", "iterator", "slice", "sequence"])
def test_batches_of_any_kind(model, shapes, kind):
    generator = modellib.data_generator(shapes(2), model.config, batch_size=2)
    batches = {"generator": generator, "iterator": Endless(generator), "slice": itertools.islice(generator, 3),
               "sequence": Batches(shapes(2), model.config)}[kind]  # fmt: skip
    history = model.keras_model.fit_generator(
        batches, steps_per_epoch=2, epochs=1, verbose=0, max_queue_size=100, workers=4, use_multiprocessing=True
    )
    assert np.isfinite(history.history["loss"]).all() and "mrcnn_mask_loss" in history.history
    history = model.keras_model.fit(
        Batches(shapes(2), model.config), validation_data=Batches(shapes(2, 1), model.config), epochs=1, verbose=0,
        max_queue_size=100, workers=0, use_multiprocessing=False,
    )  # fmt: skip
    assert np.isfinite(history.history["val_loss"]).all()


def test_evaluate_generator(model, shapes):
    batches = modellib.data_generator(shapes(2), model.config, batch_size=2)
    losses = model.keras_model.evaluate_generator(batches, steps=2, workers=1, use_multiprocessing=True, verbose=0)
    assert len(np.ravel(losses)) >= 1 and np.isfinite(np.ravel(losses)).all()


def test_custom_losses_are_rejected_with_instructions(model):
    with pytest.raises(NotImplementedError, match="LOSS_WEIGHTS.*custom_callbacks"):
        model.keras_model.add_loss(0.0)


def test_the_generator_of_forks_names_ours():
    with pytest.raises(AttributeError, match="no 'DataGenerator'.*data_generator"):
        _ = modellib.DataGenerator
