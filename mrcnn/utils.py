"""Matterport's `mrcnn.utils`: the old names for functions in `geometry`, `data`, `evaluate` and `layers`."""

from mrcnn.data.dataset import Dataset
from mrcnn.data.molding import resize_image
from mrcnn.evaluate.average_precision import compute_ap, compute_ap_range
from mrcnn.evaluate.matching import compute_matches, compute_recall, trim_zeros
from mrcnn.geometry.anchors import generate_anchors, generate_pyramid_anchors
from mrcnn.geometry.boxes import (
    apply_box_deltas,
    box_refinement,
    compute_iou,
    compute_overlaps,
    denorm_boxes,
    extract_bboxes,
    non_max_suppression,
    norm_boxes,
)
from mrcnn.geometry.masks import compute_overlaps_masks, expand_mask, minimize_mask, resize_mask, unmold_mask
from mrcnn.geometry.resample import resize
from mrcnn.legacy.reexports import available, fetch
from mrcnn.weights.download import COCO_URL as COCO_MODEL_URL
from mrcnn.weights.download import download

# Names that the original imported. Scripts write `utils.np`, or use them after a star import.
_IMPORTED = {
    "logging": "logging",
    "math": "math",
    "np": "numpy",
    "os": "os",
    "random": "random",
    "scipy": "scipy",
    "shutil": "shutil",
    "skimage": "skimage",
    "sys": "sys",
    "tf": "tensorflow",
    "urllib": "urllib",
    "warnings": "warnings",
}

__all__ = [
    "COCO_MODEL_URL",
    "Dataset",
    "apply_box_deltas",
    "batch_slice",
    "box_refinement",
    "box_refinement_graph",
    "compute_ap",
    "compute_ap_range",
    "compute_iou",
    "compute_matches",
    "compute_overlaps",
    "compute_overlaps_masks",
    "compute_recall",
    "denorm_boxes",
    "download_trained_weights",
    "expand_mask",
    "extract_bboxes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "minimize_mask",
    "mold_mask",
    "non_max_suppression",
    "norm_boxes",
    "resize",
    "resize_image",
    "resize_mask",
    "trim_zeros",
    "unmold_mask",
    *available(_IMPORTED),
]


def __getattr__(name):
    return fetch(globals(), _IMPORTED, name)


def box_refinement_graph(box, gt_box):
    """`box_refinement` for tensors of the backend, or symbolic tensors of Keras.

    Parameters
    ----------
    box, gt_box : [N, 4]
        (y1, x1, y2, x2) of any numeric dtype. If one box of a pair has no area, the result is 0.

    Returns
    -------
    float32 [N, 4]
        (dy, dx, log dh, log dw).
    """
    from keras import ops

    from mrcnn.layers.boxes import box_refinement as refinement

    return refinement(ops.cast(box, "float32"), ops.cast(gt_box, "float32"))


def mold_mask(mask, config):
    """Masks in the form used for training: full size, or mini-masks (this function was empty in the original).

    Parameters
    ----------
    mask : array [H, W, N]
        Every mask has at least one pixel.
    config : Config
        Uses USE_MINI_MASK and MINI_MASK_SHAPE.

    Returns
    -------
    bool [H, W, N], or [h, w, N] in the frames of their boxes
    """
    if not config.USE_MINI_MASK:
        return mask.astype(bool)
    return minimize_mask(extract_bboxes(mask), mask, config.MINI_MASK_SHAPE)


def batch_slice(inputs, graph_fn, batch_size, names=None):
    """Run a function for one image on each image of a batch.

    Parameters
    ----------
    inputs : tensor or list of tensors
        The first axis of each is the batch.
    graph_fn : callable
        Takes the slices of all inputs and returns one tensor or several.
    batch_size : int
    names : list of str, optional
        Ignored. In the original these were the names of the results, but Keras 3 does not name tensors.

    Returns
    -------
    tensor or list of tensors
        The results of `graph_fn`, stacked along a new first axis.
    """
    from keras import ops

    inputs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    images = [graph_fn(*(x[i] for x in inputs)) for i in range(batch_size)]
    images = [image if isinstance(image, (list, tuple)) else [image] for image in images]
    stacked = [ops.stack(parts, axis=0) for parts in zip(*images, strict=True)]
    return stacked[0] if len(stacked) == 1 else stacked


def download_trained_weights(coco_model_path, verbose=1):
    """Download Matterport's model trained on COCO (246 MiB).

    Parameters
    ----------
    coco_model_path : str or Path
        Where to write the file.
    verbose : int
        Above 0 shows a progress bar.

    Raises
    ------
    WeightsError
        The file cannot be downloaded or is damaged; the message states where to put it manually.
    """
    download(COCO_MODEL_URL, coco_model_path, verbose)
