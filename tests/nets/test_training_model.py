"""Losses of batches with filler: those of the batch without it; and in validation each image counts once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.config import LOSS_NAMES
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.nets.training_model import without_filler
from mrcnn.training.batches import SampleBatches, ValidationBatches
from mrcnn.training.optimizers import compile_model

BATCH = 3


def settings_of(tiny, batch=BATCH, **overrides):
    """Sampling selects everything, so the losses do not depend on random numbers."""
    return tiny.config(
        NUM_CLASSES=4,
        IMAGES_PER_GPU=batch,
        RPN_TRAIN_ANCHORS_PER_IMAGE=2046,
        TRAIN_ROIS_PER_IMAGE=100,
        LOSS_WEIGHTS={"rpn_bbox_loss": 0.5},
        **overrides,
    )


@pytest.fixture(scope="module", params=["ours", "exact", "boxes"])
def model(request, tiny):
    variants = {"ours": {}, "exact": {"MATTERPORT_EXACT": True}, "boxes": {"USE_MASK_HEAD": False}}
    config = settings_of(tiny, **variants[request.param])
    made = tiny.graph_of(config).training_model()
    compile_model(made, config, 0.01)
    return made


class Some(ShapesDataset):
    """The second of these images has no objects."""

    def load_mask(self, image_id):
        masks, class_ids = super().load_mask(image_id)
        return (masks[..., :0], class_ids[:0]) if self.image_info[image_id]["id"] == 1 else (masks, class_ids)


def dataset(count):
    made = Some()
    made.load_shapes(count, 64, 64, seed=3)
    made.prepare()
    return made


@pytest.fixture(scope="module")
def outputs(model, tiny):
    """The outputs for four different images."""
    config = settings_of(tiny, batch=4, USE_MASK_HEAD=len(model.loss_names) == 5)
    (inputs,) = SampleBatches(dataset(4), config, shuffle=False)[0]
    inputs["input_image_meta"][1:, -1] = 0  # not all classes are labelled in all images
    return model.predict_on_batch(inputs)


@settings(max_examples=12)
@given(places=st.lists(st.integers(0, 3), min_size=3, max_size=3), real=st.integers(1, 3))
def test_losses_of_a_batch_with_filler_are_those_of_the_batch_without(model, outputs, places, real):
    filled = {name: value[places] for name, value in outputs.items()}
    alone = {name: value[places[:real]] for name, value in outputs.items()}
    weights = (np.arange(len(places)) < real).astype(np.float32)
    found, expected = model.losses_of(without_filler(filled, weights)), model.losses_of(alone)
    assert list(found) == list(expected) == [n for n in LOSS_NAMES if n in expected]
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(float(value), rel=1e-5, abs=1e-6, nan_ok=True), name


def evaluated(model, count, steps=None):
    """What Keras reports for the first images of the data set."""
    return reported(model, ValidationBatches(dataset(count), model.config, steps))


def reported(model, batches):
    """What Keras reports, as numbers: some of its versions report tensors."""
    return {name: float(value) for name, value in model.evaluate(batches, verbose=0, return_dict=True).items()}


@pytest.fixture(scope="module")
def ours(tiny):
    """A compiled network with its settings, and the batch sizes for which its losses were traced."""
    config = settings_of(tiny)
    made = tiny.graph_of(config).training_model()
    compile_model(made, config, 0.01)
    made.config, made.traced = config, []
    losses_of = made.losses_of
    made.losses_of = lambda found: made.traced.append(found["roi_match"].shape[0]) or losses_of(found)
    return made


def test_each_image_counts_once(ours):
    """Of 1 to 5 images in batches of 3: the losses of batches without filler, weighted by their numbers of images."""

    def alone(first, count):
        """The losses of one batch that has as many places as images."""
        config = type(ours.config)(**{**vars(ours.config), "IMAGES_PER_GPU": count})
        batch = SampleBatches(dataset(5).subset(range(first, first + count)), config, shuffle=False)
        assert len(batch) == 1  # so there is no filler
        return reported(ours, batch)

    for count in (1, 2, 4, 5):
        first, rest = min(count, BATCH), max(count - BATCH, 0)
        one, two = alone(0, first), alone(BATCH, rest) if rest else {}
        found = evaluated(ours, count)
        assert set(found) == {"loss", *LOSS_NAMES}
        assert found["loss"] == pytest.approx(sum(found[name] for name in LOSS_NAMES), rel=1e-5)
        for name, value in one.items():
            expected = (first * value + rest * two.get(name, 0)) / count
            assert found[name] == pytest.approx(expected, rel=1e-4), (count, name)


def test_batches_with_and_without_filler_share_one_program(ours):
    evaluated(ours, BATCH)
    before = len(ours.traced)
    for count in (1, 5, BATCH):
        evaluated(ours, count)
    assert len(ours.traced) == before


def test_a_short_validation_takes_the_first_images(ours):
    assert evaluated(ours, 5, steps=1) == pytest.approx(evaluated(ours, BATCH), rel=1e-5)


def test_batches_without_weights_are_all_counted(ours):
    whole = reported(ours, SampleBatches(dataset(BATCH), ours.config, shuffle=False))
    assert whole == pytest.approx(evaluated(ours, BATCH), rel=1e-5)
