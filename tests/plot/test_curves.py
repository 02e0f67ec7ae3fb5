"""Training history, precision and recall, scores by threshold: the right numbers in the right panel."""

import numpy as np
import pandas as pd
import pytest

from mrcnn.config import LOSS_NAMES
from mrcnn.errors import DataError
from mrcnn.plot.curves import plot_history, plot_precision_recall, plot_threat_scores
from mrcnn.plot.figures import new_figure


def history(epochs=3, validation=True):
    """History table of a run with numbers that identify their column."""
    table = pd.DataFrame({"epoch": np.arange(1, epochs + 1), "loss": np.linspace(5, 3, epochs)})
    for i, name in enumerate(LOSS_NAMES):
        table[name] = np.linspace(i + 1, i, epochs)
        if validation:
            table[f"val_{name}"] = np.linspace(i + 2, i + 1, epochs)
    if validation:
        table["val_loss"] = np.linspace(6, 4, epochs)
        table["val_threat_score"] = [np.nan, 0.4, np.nan][:epochs]
        table["val_ap50"] = [0.1, 0.5, 0.6][:epochs]
    return table


def lines(ax):
    """Curves of a panel by their legend name; those without a name are left out."""
    named = (line for line in ax.get_lines() if not line.get_label().startswith("_"))
    return {line.get_label(): line.get_ydata().tolist() for line in named}


def test_precision_and_recall_on_given_axes():
    ax = new_figure(3, 3).subplots()
    assert plot_precision_recall([0, 1, 0], [0, 0.5, 1], 0.25, ax=ax) is ax.figure
    assert "0.250" in ax.get_title() and len(ax.get_lines()) == 1


def test_history_file_becomes_three_panels(tmp_path):
    history().to_csv(tmp_path / "history.csv", index=False)
    total, parts, scores = plot_history(tmp_path / "history.csv", tmp_path / "curves.png").axes
    assert lines(total) == {"training": [5, 4, 3], "validation": [6, 5, 4]}
    assert list(lines(parts)) == ["RPN class", "RPN box", "class", "box", "mask"]
    assert len(parts.get_lines()) == 10
    assert lines(scores) == {"threat score at IoU 0.5": [0.4], "COCO's AP at IoU 0.5": [0.1, 0.5, 0.6]}
    assert (tmp_path / "curves.png").stat().st_size > 5000


def test_table_without_validation_and_without_mask_head():
    figure = plot_history(history(validation=False).drop(columns="mrcnn_mask_loss"))
    total, parts = figure.axes
    assert list(lines(total)) == ["training"]
    assert list(lines(parts)) == ["RPN class", "RPN box", "class", "box"]
    assert "validation" not in parts.get_title()


def test_first_epoch_alone_is_visible():
    total = plot_history(history(1)).axes[0]
    assert total.get_lines()[0].get_marker() == "o"


def test_total_loss_alone():
    assert len(plot_history(pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0]})).axes) == 1


@pytest.mark.parametrize("content", ["", "epoch,loss\n", "a,b\n1,2\n", None])
def test_file_without_epochs_is_named(tmp_path, content):
    path = tmp_path / "history.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match="history.csv: .*Pass the history.csv"):
        plot_history(path)


def test_precision_and_recall(tmp_path):
    figure = plot_precision_recall([1, 1, 0.5], [0, 0.4, 0.8], ap=0.6, path=tmp_path / "pr.png")
    line = figure.axes[0].get_lines()[0]
    assert line.get_xydata().tolist() == [[0, 1], [0.4, 1], [0.8, 0.5]]
    assert "0.600" in figure.axes[0].get_title()
    assert (tmp_path / "pr.png").is_file()


def test_scores_by_threshold(tmp_path):
    figure = plot_threat_scores({"0.75": 0.4, "0.50": 0.8, "0.95": None}, tmp_path / "ts.png")
    points = figure.axes[0].get_lines()[0].get_xydata()
    assert points[:2].tolist() == [[0.5, 0.8], [0.75, 0.4]]
    assert np.isnan(points[2, 1])
    assert (tmp_path / "ts.png").is_file()


def test_several_scores_by_threshold():
    figure = plot_threat_scores({"threat_score": {0.5: 0.8}, "panoptic_quality": {0.5: 0.7}})
    assert lines(figure.axes[0]) == {"threat score": [0.8], "panoptic quality": [0.7]}


def test_many_names_do_not_hide_the_curves():
    figure = plot_threat_scores({f"model {i}, no watershed": {0.5: 0.1 * i, 0.95: 0.0} for i in range(8)})
    figure.canvas.draw()
    ax = figure.axes[0]
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1


def test_history_of_a_semantic_network_is_three_pairs_of_curves(tmp_path):
    table = pd.DataFrame(
        {
            "epoch": [1, 2],
            "seconds": [3, 3],
            "loss": [2, 1],
            "accuracy": [0.5, 0.75],
            "foreground_iou": [0.25, 0.5],
            "val_loss": [3, 2],
            "val_accuracy": [0.25, 0.5],
            "val_foreground_iou": [np.nan, 0.125],
        }
    )
    loss, accuracy, iou = plot_history(table, tmp_path / "curves.png").axes
    assert lines(loss) == {"training": [2, 1], "validation": [3, 2]}
    assert lines(accuracy) == {"training": [0.5, 0.75], "validation": [0.25, 0.5]}
    assert lines(iou) == {"training": [0.25, 0.5], "validation": [0.125]}
    assert (tmp_path / "curves.png").stat().st_size > 5000
