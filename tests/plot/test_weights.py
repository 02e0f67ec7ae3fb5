"""Plots of weights and gradients: complete, over the right range, even if some are not numbers."""

import numpy as np
import pytest

from mrcnn.plot.weights import plot_gradient_norms, plot_weight_histograms, weight_alerts

RNG = np.random.default_rng(0)


def heights(ax):
    return [round(p.get_height()) for p in ax.patches]


def test_a_histogram_of_each_array():
    weights = {"a/kernel": RNG.normal(size=(3, 3, 2, 4)), "a/bias": np.zeros(4), "b/kernel": RNG.normal(size=(5, 2))}
    figure = plot_weight_histograms(weights, cols=2, bins=10)
    assert [ax.get_title() for ax in figure.axes[:3]] == list(weights)
    assert [sum(heights(ax)) for ax in figure.axes[:3]] == [72, 4, 10]
    assert not figure.axes[3].axison and not figure.legends


def test_before_and_now_share_their_bins():
    before, now = {"a": np.linspace(0, 1, 20)}, {"a": np.linspace(2, 3, 20), "new": np.ones(5)}
    figure = plot_weight_histograms(now, before, bins=9)
    grey, blue = figure.axes[0].containers
    assert [b.get_x() for b in grey] == [b.get_x() for b in blue]
    assert round(sum(b.get_height() for b in grey[:4])) == 20 == round(sum(b.get_height() for b in blue[-4:]))
    assert len(figure.axes[1].containers) == 1
    biases = plot_weight_histograms({"bias": np.linspace(-1, 1, 40)}, {"bias": np.zeros(40)}, bins=10).axes[0]
    assert biases.get_ylim()[1] < 10  # the bar of the 40 zeros is cut off, because the others have a height of 4
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["before training", "now"]


def test_non_finite_values_are_left_out():
    ax = plot_weight_histograms({"a": np.array([1, 2, np.nan, np.inf]), "b": np.full(3, np.nan)}).axes
    assert sum(heights(ax[0])) == 2 and sum(heights(ax[1])) == 0
    with pytest.raises(ValueError, match="no weights"):
        plot_weight_histograms({})


@pytest.mark.parametrize(
    "values", [((0.5, 0), (12, 3)), ((0, 0), (0, 0)), ((1, 1), (1, 1)), ((np.nan, 1), (np.inf, 2))]
)
def test_gradients_as_numbers(values):
    norms = {part: {"rpn_class_loss": a, "loss": b} for part, (a, b) in zip(("C2", "mask head"), values, strict=True)}
    ax = plot_gradient_norms(norms, title="pull")
    ax.figure.canvas.draw()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["RPN class", "total"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["C2", "mask head"]
    assert [t.get_text() for t in ax.texts] == [f"{v:.2g}" if v else "0" for pair in values for v in pair]
    assert ax.get_title() == "pull"


def test_missing_gradients_are_rejected():
    with pytest.raises(ValueError, match="no gradients"):
        plot_gradient_norms({})


@pytest.mark.parametrize(
    "name, value",
    [
        ("bn/gamma", 1),
        ("bn/moving_variance", 1),
        ("bn/beta", 0),
        ("bn/moving_mean", 0),
        ("conv/bias", 0),
        ("conv/bias", -4.6),
    ],
)
def test_initial_weights_are_healthy(name, value):
    assert weight_alerts(name, np.full(8, value, np.float32)) == []


@pytest.mark.parametrize(
    "name, value", [("bn/gamma", 0), ("bn/moving_variance", 0), ("bn/beta", 0.3), ("bn/moving_mean", -2)]
)
def test_constant_batch_normalisation_other_than_initial_is_dead(name, value):
    assert weight_alerts(name, np.full(8, value, np.float32)) == ["dead?"]
    assert weight_alerts(name, np.array([value, value + 0.1])) == []  # trained
    assert weight_alerts(name, np.array([value])) == []  # one channel: nothing to compare with


@pytest.mark.parametrize(
    "kernel",
    [
        np.zeros((3, 3, 2, 4)),
        np.full((5, 2), 0.7),
        1e-9 * RNG.normal(size=(3, 3, 2, 4)),
        0.7 + 1e-8 * RNG.normal(size=(5, 2)),
    ],
)
def test_a_kernel_without_spread_is_dead(kernel):
    assert weight_alerts("conv/kernel", kernel.astype(np.float32)) == ["dead?"]
    assert weight_alerts("conv/kernel", RNG.normal(scale=1e-4, size=kernel.shape)) == []


def test_a_kernel_with_a_single_number_is_not_dead():
    assert weight_alerts("conv/kernel", np.full((1, 1, 1, 1), 0.5)) == []


def test_infinite_and_large_weights_are_named():
    assert weight_alerts("conv/bias", np.array([0, -1001])) == ["Overflow?"]
    assert weight_alerts("conv/kernel", np.array([[1, np.inf]])) == ["Overflow?", "NaN or infinite"]
    assert weight_alerts("bn/gamma", np.array([1, np.nan])) == ["NaN or infinite"]
