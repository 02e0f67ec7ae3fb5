"""Weights and gradients in pictures: all of them, over the right range, also where they are no numbers."""
import numpy as np
import pytest

from mrcnn.plot.weights import plot_gradient_norms, plot_weight_histograms

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
    assert biases.get_ylim()[1] < 10      # the bar of the 40 zeros is cut off, as the others are 4 high
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["before training", "now"]


def test_what_is_no_number_is_left_out():
    ax = plot_weight_histograms({"a": np.array([1, 2, np.nan, np.inf]), "b": np.full(3, np.nan)}).axes
    assert sum(heights(ax[0])) == 2 and sum(heights(ax[1])) == 0
    with pytest.raises(ValueError, match="no weights"):
        plot_weight_histograms({})


@pytest.mark.parametrize("values", [((0.5, 0), (12, 3)), ((0, 0), (0, 0)), ((1, 1), (1, 1)),
                                    ((np.nan, 1), (np.inf, 2))])
def test_gradients_as_numbers(values):
    norms = {part: {"rpn_class_loss": a, "loss": b} for part, (a, b) in zip(("C2", "mask head"), values, strict=True)}
    ax = plot_gradient_norms(norms, title="pull")
    ax.figure.canvas.draw()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["RPN class", "all together"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["C2", "mask head"]
    assert [t.get_text() for t in ax.texts] == [f"{v:.2g}" if v else "0" for pair in values for v in pair]
    assert ax.get_title() == "pull"


def test_no_gradients_are_refused():
    with pytest.raises(ValueError, match="no gradients"):
        plot_gradient_norms({})
