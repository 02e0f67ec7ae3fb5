from mrcnn.plot.class_views import CLASS_COLORS, show_classes
from mrcnn.plot.classes import plot_class_counts, plot_classes
from mrcnn.plot.comparison import MODEL_COLORS, compare_models, plot_learning_curve
from mrcnn.plot.curves import plot_history, plot_threat_scores
from mrcnn.plot.inspect import display_images, draw_boxes, show_anchors, show_augmented
from mrcnn.plot.instances import ERROR_COLORS, compare_truth, draw_errors, draw_instances, overlay_image
from mrcnn.plot.rgb import to_rgb
from mrcnn.plot.tables import show_table

__all__ = [
    "CLASS_COLORS",
    "ERROR_COLORS",
    "MODEL_COLORS",
    "compare_models",
    "compare_truth",
    "display_images",
    "draw_boxes",
    "draw_errors",
    "draw_instances",
    "overlay_image",
    "plot_class_counts",
    "plot_classes",
    "plot_history",
    "plot_learning_curve",
    "plot_threat_scores",
    "show_anchors",
    "show_augmented",
    "show_classes",
    "show_table",
    "to_rgb",
]
