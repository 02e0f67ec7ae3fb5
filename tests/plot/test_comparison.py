"""Panels of several models, and the learning curve over the number of images."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_rgb

from mrcnn.geometry.instances import Instances
from mrcnn.plot.comparison import MODEL_COLORS, TRUTH_COLOR, compare_models, plot_learning_curve


def squares(*corners, shape=(40, 60)):
    masks = np.zeros((*shape, len(corners)), bool)
    for i, (y, x) in enumerate(corners):
        masks[y : y + 10, x : x + 10, i] = True
    return Instances.from_masks(masks)


def test_each_model_has_a_panel_in_its_own_colour(tmp_path):
    image = np.full((40, 60), 100, np.uint8)
    found = {"U-Net, 12 images": squares((5, 5)), "U-Net, 165 images": squares((5, 5), (20, 30))}
    figure = compare_models(image, squares((5, 6)), found, tmp_path / "c.png", title="slice 17")
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["Original", "Ground truth: 1", "U-Net, 12 images: 1", "U-Net, 165 images: 2", "", ""]
    assert not any(ax.axison for ax in figure.axes)
    shown = [ax.images[0].get_array() for ax in figure.axes[:4]]
    assert (shown[0] == shown[0][0, 0]).all()
    for picture, color in zip(shown[1:], (TRUTH_COLOR, *MODEL_COLORS)):
        tint = picture[10, 10].astype(int) - shown[0][10, 10].astype(int)
        assert np.argmax(tint) == np.argmax(to_rgb(color))
        assert (picture[0, 0] == shown[0][0, 0]).all()
    assert (tmp_path / "c.png").stat().st_size > 1000
    assert figure._suptitle.get_text() == "slice 17"


def test_colours_repeat_with_many_models():
    found = {str(i): squares((5, 5)) for i in range(len(MODEL_COLORS) + 1)}
    figure = compare_models(np.zeros((40, 60)), squares(), found)
    first, last = figure.axes[2], figure.axes[len(found) + 1]
    assert (first.images[0].get_array() == last.images[0].get_array()).all()


def test_learning_curve_has_means_and_runs(tmp_path):
    table = pd.DataFrame(
        {
            "model": ["unet"] * 4 + ["mask"] * 2,
            "images": [12, 12, 120, 120, 12, 120],
            "foreground_iou": [0.6, 0.8, 0.85, 0.87, 0.5, 0.9],
        }
    )
    figure = plot_learning_curve(table, tmp_path / "l.png")
    ax = figure.axes[0]
    assert [line.get_label() for line in ax.lines] == ["unet", "mask"]
    assert ax.lines[0].get_xydata() == pytest.approx(np.array([[12, 0.7], [120, 0.86]]))
    points = [drawn for drawn in ax.collections if isinstance(drawn, PathCollection)]
    assert [len(drawn.get_offsets()) for drawn in points] == [4, 2]
    band, none = (drawn for drawn in ax.collections if isinstance(drawn, PolyCollection))
    corners = band.get_paths()[0].vertices
    assert {tuple(c) for c in corners} >= {(12, 0.6), (12, 0.8), (120, 0.85), (120, 0.87)}
    assert np.ptp(none.get_paths()[0].vertices[:, 1]) == pytest.approx(0.4)  # no wider than the line
    assert "mean and range of up to 2 seeds" in ax.get_title()
    assert "seeds" not in plot_learning_curve(table[4:]).axes[0].get_title()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["12", "120"]
    assert (tmp_path / "l.png").is_file()
