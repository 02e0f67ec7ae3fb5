"""Figures with several panels in a notebook: their text is readable at the size at which a browser shows them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from mrcnn.config import LOSS_NAMES
from mrcnn.domains.wafer.plot.views import show_patches
from mrcnn.evaluate.classes import evaluate_classes
from mrcnn.evaluate.curves import score_curves
from mrcnn.geometry.instances import Instances
from mrcnn.plot.class_views import show_classes
from mrcnn.plot.classes import plot_classes
from mrcnn.plot.comparison import compare_models
from mrcnn.plot.curves import plot_history
from mrcnn.plot.figures import PAGE_WIDTH
from mrcnn.plot.inspect import display_images, show_augmented
from mrcnn.plot.instances import compare_truth
from mrcnn.plot.weights import plot_weight_histograms

SHOWN = 1000  # pixels that Jupyter leaves for a figure in a window of 1280
LEAST = 9  # height in pixels of readable text
IMAGE = np.full((64, 64), 128, np.uint8)
NAMES = ["BG", "Nucleoli", "Not Nucleoli"]


def objects():
    boxes = [(4, 4, 30, 30), (34, 34, 60, 60)]
    return Instances((64, 64), boxes, [1, 2], [0.9, 0.8], [np.ones((26, 26), bool)] * 2, pixel_size_nm=(5, 5))


def history(names):
    return pd.DataFrame({"epoch": [1, 2]} | {name: [0.5, 0.4] for name in names})


def classes():
    truth = [objects()]
    return plot_classes(evaluate_classes(truth, truth, NAMES), score_curves(truth, truth, NAMES))


FIGURES = {
    "history": lambda: plot_history(history(["loss", "val_loss", *LOSS_NAMES, "val_ap50"])),
    "semantic history": lambda: plot_history(history(["loss", "accuracy", "foreground_iou", "val_foreground_iou"])),
    "classes": classes,
    "grid": lambda: display_images([IMAGE] * 8, ["title"] * 8),
    "augmented": lambda: show_augmented([(IMAGE, objects())] * 8, ["title"] * 8),
    "patches": lambda: show_patches([(IMAGE, objects())] * 4, ["title"] * 4),
    "boxes": lambda: show_classes([(IMAGE, objects())] * 4, NAMES, ["title"] * 4, scores=True),
    "truth": lambda: compare_truth(IMAGE, objects(), objects(), captions="area", title="title"),
    "models": lambda: compare_models(IMAGE, objects(), dict.fromkeys("abcd", objects()), title="title"),
    "histograms": lambda: plot_weight_histograms({f"conv{i}/kernel": np.arange(9) for i in range(10)}, {"a": [1, 2]}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_text_is_readable_at_the_width_of_a_notebook(name):
    figure = FIGURES[name]()
    figure.draw_without_rendering()  # ticks get their labels
    width = figure.get_figwidth()
    scale = min(1, SHOWN / (width * figure.dpi)) * figure.dpi / 72
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert width <= PAGE_WIDTH and texts
    assert [(text.get_text(), text.get_size()) for text in texts if text.get_size() * scale < LEAST] == []
