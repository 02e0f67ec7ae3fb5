"""Read the files with numbers from Matterport's own code."""

import numpy as np

SEVEN = ("gt_boxes", "gt_class_ids", "gt_masks", "pred_boxes", "pred_class_ids", "pred_scores", "pred_masks")


def load(path):
    """The arrays of an `.npz`, by name."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def seven_arguments(data, case):
    """The seven arguments of `compute_matches` and `compute_ap` in one case."""
    return [data[f"input_{name}_{case}"] for name in SEVEN]
