"""Plots of per-class scores: every number is where it belongs."""

import numpy as np
import pandas as pd
import pytest

from mrcnn.errors import DataError
from mrcnn.evaluate.classes import evaluate_classes
from mrcnn.evaluate.curves import score_curves
from mrcnn.geometry.instances import Instances
from mrcnn.plot.classes import plot_class_counts, plot_class_curves, plot_classes, plot_confusion, plot_f1
from mrcnn.plot.figures import new_figure

NAMES = ["BG", "Nucleoli", "Not Nucleoli"]


def boxed(boxes, class_ids, scores=None):
    return Instances((100, 100), boxes, class_ids, scores, [np.ones((10, 10), bool)] * len(boxes))


@pytest.fixture
def images():
    """One image: one of two objects of class 1 and the one of class 2 found; one false positive with a low score."""
    truth = boxed([(0, x, 10, x + 10) for x in (0, 20, 40)], [1, 1, 2])
    found = boxed([(0, 0, 10, 10), (0, 40, 10, 50), (50, 50, 60, 60)], [1, 2, 1], [0.9, 0.8, 0.3])
    return [truth], [found]


def lines(ax):
    """Curves by legend name, without the part in brackets."""
    return {
        line.get_label().split(" (")[0]: np.array(line.get_data())
        for line in ax.get_lines()
        if not line.get_label().startswith("_")
    }


def points(ax):
    return [tuple(np.ravel(line.get_data())) for line in ax.get_lines() if line.get_marker() == "o"]


def test_confusion_has_one_number_per_cell_and_colours_by_share(tmp_path):
    figure = plot_confusion([[0, 3, 0], [1, 2, 1], [0, 0, 0]], NAMES, tmp_path / "confusion.png")
    ax = figure.axes[0]
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert len(texts) == 8 and texts[1, 1] == "2\n50 %" and texts[0, 1] == "1\n25 %" and texts[1, 0] == "3"
    np.testing.assert_allclose(ax.images[0].get_array(), [[0, 0.6, 0], [0.25, 0.5, 0.25], [0, 0, 0]])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["nothing", *NAMES[1:]]
    assert (tmp_path / "confusion.png").stat().st_size > 3000


def test_a_large_matrix_has_no_numbers():
    side = 31
    ax = plot_confusion(np.eye(side, dtype=int), ["a long name"] * side).axes[0]
    assert len(ax.texts) == 0 and ax.get_xticklabels()[0].get_rotation() == 45


def test_precision_against_recall_of_each_class_with_the_point_of_the_threshold(images):
    curves = score_curves(*images, NAMES)
    ax = plot_class_curves(curves).axes[0]
    np.testing.assert_allclose(lines(ax)["Nucleoli"], [[0, 0.5, 0.5], [1, 1, 0.5]])
    assert points(ax) == [(0.5, 1), (1, 1)]
    assert "(VOC AP 0.500)" in ax.get_legend().texts[0].get_text() and "from 0.7" in ax.get_title()
    own = new_figure(3, 3).subplots()
    assert plot_class_curves(curves, None, ax=own) is own.figure and points(own) == []


def test_a_class_that_is_never_found_has_no_best_threshold(images):
    truths, found = images
    drawn = plot_f1(score_curves(truths, [found[0].select([1, 2])], NAMES), 0.6).axes[0]
    labels = [text.get_text() for text in drawn.get_legend().texts]
    assert labels[0] == "Nucleoli (none found)" and " at " in labels[1]
    assert len(points(drawn)) == 2  # of the other class, and of all


def test_f1_by_threshold_marks_the_best_one(images):
    ax = plot_f1(score_curves(*images, NAMES), 0.6).axes[0]
    drawn = lines(ax)
    assert list(drawn) == ["Nucleoli", "Not Nucleoli", "all classes"]
    np.testing.assert_allclose(drawn["Nucleoli"], [[0.95, 0.6, 0.15, 0], [0, 2 / 3, 0.5, 0.5]])
    np.testing.assert_allclose(points(ax), [(0.6, 2 / 3), (0.4, 1), (0.55, 0.8)])
    assert [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == "--"] == [0.6]


def test_all_three_side_by_side(images, tmp_path):
    report = evaluate_classes(*images, NAMES, min_score=0.5)
    figure = plot_classes(report, score_curves(*images, NAMES), tmp_path / "classes.png")
    assert [ax.get_title().split(" (")[0] for ax in figure.axes] == [
        "Confusion",
        "Precision and recall",
        "F1 by score threshold",
    ]
    assert "0.5" in figure.axes[0].get_title() and (tmp_path / "classes.png").stat().st_size > 5000


def test_classes_without_objects_and_sets_without_images():
    curves = score_curves([], [], NAMES)
    assert lines(plot_class_curves(curves).axes[0]) == lines(plot_f1(curves).axes[0]) == {}
    plot_classes(evaluate_classes([], [], NAMES), curves)
    truth = boxed([(0, 0, 10, 10)], [1])
    nothing = score_curves([truth], [Instances((100, 100))], NAMES)
    assert list(lines(plot_f1(nothing).axes[0])) == ["Nucleoli"]
    assert list(lines(plot_class_curves(nothing).axes[0])) == ["Nucleoli"]


def test_counts_are_bars_with_the_most_frequent_on_top(tmp_path):
    ax = plot_class_counts({"rare": 3, "none": 0, "frequent": 12500}, "Fields", "Images", tmp_path / "c.png").axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["none", "rare", "frequent"]
    assert [bar.get_width() for bar in ax.patches] == [0, 3, 12500]
    assert [text.get_text() for text in ax.texts] == ["0", "3", "12 500"] and ax.get_xscale() == "log"
    assert [text.xy[0] for text in ax.texts] == [ax.get_xlim()[0], 3, 12500]  # a logarithmic axis has no place for 0
    assert ax.get_xlabel() == "Images (logarithmic scale)"
    even = plot_class_counts(pd.Series({"a": 3, "b": 5})).axes[0]
    assert even.get_xscale() == "linear" and even.get_xlabel() == "Objects" and even.get_xlim()[1] > 5
    assert len(plot_class_counts({}).axes[0].patches) == 0


def test_invalid_input_is_rejected(tmp_path):
    with pytest.raises(ValueError, match="3 classes"):
        plot_confusion(np.zeros((2, 2)), NAMES)
    with pytest.raises(DataError, match="not a supported image format"):
        plot_class_counts({"a": 1}, path=tmp_path / "a.txt")
