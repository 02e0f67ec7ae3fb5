"""The sampled RPN: at the chosen anchors its outputs and gradients equal those of the whole RPN, up to rounding."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.geometry.anchors import generate_pyramid_anchors
from mrcnn.nets.rpn import RPNHead, SampledRPN

pytestmark = pytest.mark.usefixtures("quick_compiles")
CHANNELS = 3


def maps_of(shapes, images=2):
    rng = np.random.default_rng(0)
    return [rng.normal(0, 1, (images, *shape, CHANNELS)).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize(
    ("stride", "ratios", "shapes"),
    [
        (1, 3, [(8, 12), (4, 6), (2, 3), (1, 2), (1, 1)]),
        (1, 1, [(7, 5), (3, 3), (1, 1)]),
        (2, 3, [(8, 12), (4, 6), (2, 4)]),
        (2, 1, [(13, 8), (7, 5), (1, 1)]),
        (3, 1, [(8, 7), (5, 6)]),
    ],
    ids=["usual", "odd sizes", "stride 2", "stride 2, odd sizes", "stride 3"],
)
def test_chosen_anchors_are_those_of_the_dense_output(stride, ratios, shapes, gradients_of, jitted):
    head = RPNHead(ratios, stride, width=8)
    sampled = SampledRPN(head)
    maps = maps_of(shapes)
    dense = [head(m) for m in maps]
    head.rpn_conv_shared.bias.assign(np.linspace(-1, 1, 8))
    total = sum(int(logits.shape[1]) for logits, _ in dense)
    assert total == sum(-(-h // stride) * -(-w // stride) * ratios for h, w in shapes)
    rng = np.random.default_rng(1)
    # All anchors of the first image, and the same number of random anchors, some twice, of the second.
    indices = np.stack([rng.permutation(total), rng.integers(0, total, total)]).astype(np.int32)
    weights = [rng.normal(0, 1, (2, total, n)).astype(np.float32) for n in (2, 4)]

    def whole(*maps):
        outputs = [head(m) for m in maps]
        return [
            ops.take_along_axis(ops.concatenate([o[k] for o in outputs], axis=1), indices[..., None], axis=1)
            for k in (0, 1)
        ]

    def cheap(*maps):
        return sampled([indices, *maps])

    for expected, found in zip(jitted(whole)(*maps), jitted(cheap)(*maps)):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(expected), atol=1e-5)

    parameters = [keras.ops.convert_to_numpy(w) for w in head.trainable_variables]

    def gradients(run):
        def scalar(*values):
            own, maps = values[: len(parameters)], values[len(parameters) :]
            with keras.StatelessScope(state_mapping=list(zip(head.trainable_variables, own))):
                return sum(ops.sum(v * w) for v, w in zip(run(*maps), weights))

        return gradients_of(jitted(scalar), *parameters, *maps)

    of_whole, of_cheap = gradients(whole), gradients(cheap)
    for name, expected, found in zip([*(w.path for w in head.trainable_variables), *shapes], of_whole, of_cheap):
        assert expected.any()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3, err_msg=str(name))


@pytest.mark.parametrize("stride", [1, 2])
def test_there_is_one_output_for_each_anchor(stride):
    shapes = np.array([(7, 5), (3, 3)])
    anchors = generate_pyramid_anchors((8, 16), [0.5, 1, 2], shapes, (4, 8), stride)
    head = RPNHead(3, stride, width=4)
    symbolic = [head(keras.Input((*shape, CHANNELS))) for shape in shapes.tolist()]
    assert sum(logits.shape[1] for logits, _ in symbolic) == len(anchors)
    assert [v.shape for v in head(keras.Input((None, None, CHANNELS)))] == [(None, None, 2), (None, None, 4)]
