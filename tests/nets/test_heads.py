"""Box head and mask head, and their optimisations, which must not change any result."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from mrcnn.layers.roi_align import PyramidROIAlign, RoICells
from mrcnn.nets.batch_norm import BatchNorm, ConvNorm, with_bias
from mrcnn.nets.fpn import feature_pyramid
from mrcnn.nets.heads import (
    BoxHead,
    FineMasks,
    FoldRegions,
    MaskHead,
    PositiveMasks,
    RegionMasks,
    UnfoldRegions,
    WholePatchConv,
)
from mrcnn.nets.mask_rcnn import building

pytestmark = pytest.mark.usefixtures("quick_compiles")


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def randomise(layer, seed=0):
    """Set all weights to values that differ from the initial ones; variances are positive."""
    rng = np.random.default_rng(seed)
    for weight in layer.weights:
        draw = rng.uniform(0.5, 1.5, weight.shape) if "variance" in weight.path else rng.normal(0, 1, weight.shape)
        weight.assign(draw)


def test_whole_patch_convolution_is_the_valid_convolution():
    patches = random(6, 3, 3, 5)
    ours, usual = WholePatchConv(4, 3), layers.Conv2D(4, 3)
    ours.build(patches.shape)
    usual.build(patches.shape)
    randomise(ours)
    usual.set_weights(ours.get_weights())
    found, expected = (ops.convert_to_numpy(f(patches)) for f in (ours, usual))
    np.testing.assert_allclose(found.reshape(6, 4), expected.reshape(6, 4), atol=1e-4)


@pytest.mark.parametrize(
    ("train_bn", "large", "large_at_detection", "training"),
    [
        (False, 2**20, None, True),
        (False, 2**20, None, False),
        (False, 1, None, True),
        (False, 2**20, 1, False),
        (None, 2**20, None, False),
    ],
)
def test_convolution_with_folded_normalisation(
    train_bn, large, large_at_detection, training, gradients_of, jitted, monkeypatch
):
    """Outputs, and gradients of input, kernel, bias, gamma and beta, equal those of the two layers in sequence."""
    monkeypatch.setattr("mrcnn.nets.batch_norm.LARGE_KERNEL", large)
    images = random(2, 5, 6, 3)
    normalisation = BatchNorm(train_bn, name="n")
    pair = ConvNorm(layers.Conv2D(4, 3, padding="same", name="c"), normalisation, large_at_detection)
    pair.build(images.shape)
    randomise(pair)
    both = pair.trainable_variables
    assert len(both) == 4 and len(pair.weights) == 6
    values = [ops.convert_to_numpy(v) for v in both]
    scale = random(2, 5, 6, 4, seed=2)

    def total_of(run):
        def total(images, *own):
            with keras.StatelessScope(state_mapping=list(zip(both, own))):
                return ops.sum(run(images) * scale)

        return jitted(total)

    worked_in = total_of(lambda images: pair(images, training=training))
    in_a_row = total_of(lambda images: pair.normalisation(pair.convolution(images), training=False))
    np.testing.assert_allclose(float(worked_in(images, *values)), float(in_a_row(images, *values)), rtol=1e-4)
    for found, expected in zip(gradients_of(worked_in, images, *values), gradients_of(in_a_row, images, *values)):
        assert expected.any()
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_bias_of_a_detection_is_that_of_training(dtype):
    features, bias = ops.cast(random(2, 3, 4, 5), dtype), ops.cast(random(5, seed=1), dtype)
    found, expected = with_bias(features, bias, training=False), with_bias(features, bias)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(*(ops.convert_to_numpy(ops.cast(v, "float32")) for v in (found, expected)))


def test_folding_regions_and_back():
    pooled = random(2, 3, 4, 4, 5)
    folded = FoldRegions()(pooled)
    assert tuple(folded.shape) == (6, 4, 4, 5)
    np.testing.assert_array_equal(ops.convert_to_numpy(UnfoldRegions()([folded, pooled])), pooled)


def test_shapes_and_names():
    pooled = keras.Input((7, 3, 3, 5))
    outputs = BoxHead(4, pool_size=3, width=6)(pooled)
    assert [v.shape for v in outputs] == [(None, 7, 4), (None, 7, 4), (None, 7, 4, 4)]
    names = {w.path.split("/")[-2] for w in keras.Model(pooled, outputs).weights}
    expected = "class_conv1 class_bn1 class_conv2 class_bn2 class_logits bbox_fc"
    assert names == {f"mrcnn_{n}" for n in expected.split()}

    pooled = keras.Input((7, 4, 4, 5))
    masks = MaskHead(4, width=6)(pooled)
    assert masks.shape == (None, 7, 8, 8, 4) and masks.dtype == "float32"
    names = {w.path.split("/")[-2] for w in keras.Model(pooled, masks).weights}
    expected = ["mask", "mask_deconv", *(f"mask_{kind}{i}" for kind in ("conv", "bn") for i in range(1, 5))]
    assert names == {f"mrcnn_{n}" for n in expected}


def test_refined_masks_start_as_those_of_the_mask_head():
    """With any features of the image, until the last layer of the refinement has learnt something."""
    head, fine = MaskHead(4, width=6), FineMasks(4, width=8)
    pooled, cells = random(1, 7, 4, 4, 5), random(1, 7, 8, 8, 8)
    plain = ops.convert_to_numpy(head(pooled))
    head.fine = fine
    refined = head(pooled, cells)
    assert refined.shape == (1, 7, 8, 8, 4) and keras.backend.standardize_dtype(refined.dtype) == "float32"
    np.testing.assert_array_equal(ops.convert_to_numpy(refined), plain)
    fine.logits.kernel.assign(random(*fine.logits.kernel.shape))
    assert (np.abs(ops.convert_to_numpy(head(pooled, cells)) - plain) > 1e-3).any()
    names = {layer.name for layer in head.layers}
    assert {"mrcnn_mask_fine", "mrcnn_mask_fine_conv1", "mrcnn_mask_fine_conv2", "mrcnn_mask_fine_reduce"} <= names
    assert fine.features(random(1, 64, 96, 3)).shape == (1, 32, 48, 8)


@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize(("policy", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 0.02)])
def test_masks_of_wanted_regions_are_those_of_all_regions(policy, tolerance, refined, jitted):
    """For any number of wanted regions in any image; masks that are not computed are zero."""
    with building(0, policy):
        pool, slots = PyramidROIAlign((2, 2)), 8
        head = MaskHead(2, width=4, fine=FineMasks(2, 3) if refined else None)
        masks = RegionMasks(head, pool, RoICells(4) if refined else None)
        masks_of, all_of = (PositiveMasks(masks, slots, all_slots) for all_slots in (False, True))
    corner = np.random.default_rng(0).uniform(0, 0.5, (2, slots, 2))
    rois = np.concatenate([corner, corner + 0.3], axis=2).astype(np.float32)
    meta = np.zeros((2, 14), np.float32)
    meta[:, 4:6] = 64
    sides = (16, 8, 4, 2, 32) if refined else (16, 8, 4, 2)
    maps = [ops.cast(random(2, side, side, 3, seed=side), pool.compute_dtype) for side in sides]
    for layer in (masks_of, all_of):
        layer.build([(2, slots, 4), (2, slots), (2, 14), *(m.shape for m in maps)])
    if refined:
        head.fine.logits.kernel.assign(random(*head.fine.logits.kernel.shape))
    run = jitted(lambda class_ids: masks_of([rois, class_ids, meta, *maps]))
    everything = ops.convert_to_numpy(jitted(lambda rois: masks(rois, meta, maps))(rois))
    for wanted in ((0, 0), (1, 0), (0, 2), (3, 1), (2, 4), (5, 8)):
        class_ids = np.array([[1] * n + [0] * (slots - n) for n in wanted], np.int32)
        found = ops.convert_to_numpy(run(class_ids))
        assert found.shape == everything.shape == (2, slots, 4, 4, 2) and found.dtype == np.float32
        np.testing.assert_allclose(found[class_ids > 0], everything[class_ids > 0], atol=tolerance)
        computed = found.any(axis=(2, 3, 4))
        if keras.backend.backend() == "tensorflow":
            assert computed.sum() == max(1, sum(wanted)), "no unnecessary regions are computed"
        else:
            assert computed.sum(axis=1).max() < slots or max(wanted) > slots // 2
    nothing = np.zeros((2, slots), np.int32)
    found = ops.convert_to_numpy(jitted(lambda class_ids: all_of([rois, class_ids, meta, *maps]))(nothing))
    np.testing.assert_allclose(found, everything, atol=tolerance)


def test_feature_pyramid():
    maps = [keras.Input((64 // stride, 128 // stride, 3 + stride)) for stride in (4, 8, 16, 32)]
    pyramid = feature_pyramid(*maps, size=6)
    assert [p.shape[1:] for p in pyramid] == [(16, 32, 6), (8, 16, 6), (4, 8, 6), (2, 4, 6), (1, 2, 6)]
    names = {w.path.split("/")[-2] for w in keras.Model(maps, pyramid).weights}
    assert names == {"fpn_c5p5", "fpn_c4p4", "fpn_c3p3", "fpn_c2p2", "fpn_p2", "fpn_p3", "fpn_p4", "fpn_p5"}


@pytest.mark.parametrize("train_bn", [False, None, True])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_has_three_ways(train_bn, training):
    norm = BatchNorm(train_bn, momentum=0.5)
    images = random(4, 3, 3, 2) * 3 + 5
    norm.build(images.shape)
    found = ops.convert_to_numpy(norm(images, training=training))
    batch_statistics = train_bn is True or (train_bn is None and training)
    moved = not np.allclose(ops.convert_to_numpy(norm.moving_mean), 0)
    assert moved == batch_statistics
    mean, deviation = (images.mean((0, 1, 2)), images.std((0, 1, 2))) if batch_statistics else (0, 1)
    np.testing.assert_allclose(found, (images - mean) / deviation, atol=2e-2)
    assert BatchNorm.from_config(norm.get_config()).train_bn is train_bn
