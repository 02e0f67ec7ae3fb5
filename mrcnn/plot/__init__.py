"""Figures: objects drawn on images, curves, and inspection of data and models."""

from mrcnn.lazy import names_on_first_use

_HOMES = {
    "CLASS_COLORS": "mrcnn.plot.class_views",
    "ERROR_COLORS": "mrcnn.plot.instances",
    "MODEL_COLORS": "mrcnn.plot.comparison",
    "compare_models": "mrcnn.plot.comparison",
    "compare_truth": "mrcnn.plot.instances",
    "display_images": "mrcnn.plot.inspect",
    "draw_boxes": "mrcnn.plot.inspect",
    "draw_errors": "mrcnn.plot.instances",
    "draw_instances": "mrcnn.plot.instances",
    "overlay_image": "mrcnn.plot.instances",
    "plot_class_counts": "mrcnn.plot.classes",
    "plot_classes": "mrcnn.plot.classes",
    "plot_history": "mrcnn.plot.curves",
    "plot_learning_curve": "mrcnn.plot.comparison",
    "plot_threat_scores": "mrcnn.plot.curves",
    "show_anchors": "mrcnn.plot.inspect",
    "show_augmented": "mrcnn.plot.inspect",
    "show_classes": "mrcnn.plot.class_views",
    "show_table": "mrcnn.plot.tables",
    "to_rgb": "mrcnn.plot.rgb",
}

__all__ = [*_HOMES]
__getattr__, __dir__ = names_on_first_use(__name__, _HOMES)
