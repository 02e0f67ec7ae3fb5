"""Plots of a search: what is drawn, in which order and colour."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from mrcnn.errors import DataError
from mrcnn.plot.tuning import plot_parallel_coordinates, plot_search_history


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "trial": [0, 1, 2, 3, 4],
            "state": ["complete", "pruned", "complete", "failed", "complete"],
            "score": [0.5, 0.2, 0.8, np.nan, 0.7],
            "LEARNING_RATE": [1e-4, 1e-2, 1e-3, 1e-1, 1e-3],
            "OPTIMIZER": ["sgd", "adam", "adam", "sgd", "sgd"],
        }
    )


def lines_of(figure):
    return next(c for c in figure.axes[0].collections if isinstance(c, LineCollection))


@pytest.mark.parametrize(("lower", "best"), [(False, [0.5, 0.8, 0.8]), (True, [0.5, 0.5, 0.5])])
def test_history_has_all_scores_and_the_best_so_far(table, lower, best, tmp_path):
    figure = plot_search_history(table, "val_iou", lower, tmp_path / "h.png")
    ax = figure.axes[0]
    points = [c.get_offsets().data.tolist() for c in ax.collections]
    assert points == [[[0, 0.5], [2, 0.8], [4, 0.7]], [[1, 0.2]]]
    assert ax.lines[0].get_ydata().tolist() == best
    assert ax.get_ylabel() == "val_iou"
    assert (tmp_path / "h.png").stat().st_size > 1000


@pytest.mark.parametrize(("lower", "best"), [(False, 0.8), (True, 0.2)])
def test_the_best_trial_is_thick_and_on_top(table, lower, best):
    lines = lines_of(plot_parallel_coordinates(table, ["LEARNING_RATE", "OPTIMIZER"], "s", lower, ["LEARNING_RATE"]))
    assert len(lines.get_segments()) == 4  # one has no score
    assert lines.get_array()[-1] == best
    assert lines.get_linewidths()[-1] > lines.get_linewidths()[0]


def test_lines_pass_their_settings(table):
    figure = plot_parallel_coordinates(table, ["LEARNING_RATE", "OPTIMIZER"], log_names=["LEARNING_RATE"])
    best = lines_of(figure).get_segments()[-1]
    assert best == pytest.approx(np.array([[0, 0.5], [1, 0], [2, 1]]))  # 1e-3 of 1e-4..1e-2; adam; the highest
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == ["LEARNING_RATE", "OPTIMIZER", "score"]


def test_many_values_have_few_labels_and_one_value_is_in_the_middle(tmp_path):
    count = 40
    table = pd.DataFrame(
        {
            "trial": range(count),
            "state": "complete",
            "score": np.linspace(0, 1, count),
            "LEARNING_RATE": np.geomspace(1e-5, 1e-1, count),
            "BATCH": 4,
        }
    )
    figure = plot_parallel_coordinates(
        table, ["LEARNING_RATE", "BATCH"], log_names=["LEARNING_RATE"], path=tmp_path / "p.png"
    )
    assert (tmp_path / "p.png").is_file()
    segments = np.array(lines_of(figure).get_segments())
    assert segments[:, 0, 1] == pytest.approx(np.linspace(0, 1, count))
    assert set(segments[:, 1, 1]) == {0.5}
    assert len(figure.axes[0].texts) == 5 + 1 + 5


def test_none_among_numbers_is_a_category():
    table = pd.DataFrame(
        [{"trial": i, "state": "complete", "score": i, "STEPS": steps} for i, steps in enumerate((100, None, 50))]
    )
    figure = plot_parallel_coordinates(table, ["STEPS"])
    assert [s[0, 1] for s in lines_of(figure).get_segments()] == [0, 1, 0.5]
    assert [t.get_text() for t in figure.axes[0].texts[:3]] == ["100", "50", "None"]


def test_without_a_score_the_figure_is_empty(table):
    none = table.assign(score=np.nan)
    assert not plot_search_history(none).axes[0].collections
    assert "No trial" in plot_parallel_coordinates(none, ["OPTIMIZER"]).axes[0].texts[0].get_text()


def test_an_unknown_image_format_is_an_error(table, tmp_path):
    with pytest.raises(DataError):
        plot_search_history(table, path=tmp_path / "h.nothing")
