"""Matterport's `mrcnn.model`: the old names, imported from the other packages."""

from mrcnn.data.molding import compose_image_meta, mold_image, parse_image_meta, unmold_image
from mrcnn.layers.roi_align import PyramidROIAlign
from mrcnn.legacy.detector import MaskRCNN
from mrcnn.legacy.generator import data_generator
from mrcnn.legacy.graphs import (
    apply_box_deltas_graph,
    batch_pack_graph,
    clip_boxes_graph,
    denorm_boxes_graph,
    log2_graph,
    norm_boxes_graph,
    overlaps_graph,
    parse_image_meta_graph,
    trim_zeros_graph,
)
from mrcnn.legacy.grey_levels import load_image_gt
from mrcnn.legacy.layers import (
    BatchNorm,
    DetectionLayer,
    DetectionTargetLayer,
    ProposalLayer,
    detection_targets_graph,
    refine_detections_graph,
)
from mrcnn.legacy.log import log
from mrcnn.legacy.losses import (
    mrcnn_bbox_loss_graph,
    mrcnn_class_loss_graph,
    mrcnn_mask_loss_graph,
    rpn_bbox_loss_graph,
    rpn_class_loss_graph,
    smooth_l1_loss,
)
from mrcnn.legacy.networks import (
    build_fpn_mask_graph,
    build_rpn_model,
    compute_backbone_shapes,
    conv_block,
    fpn_classifier_graph,
    identity_block,
    resnet_graph,
    rpn_graph,
)
from mrcnn.legacy.reexports import available, fetch
from mrcnn.legacy.targets import build_detection_targets, build_rpn_targets, generate_random_rois

# Names that the original imported. Scripts write `modellib.utils`, or use them after a star import.
_IMPORTED = {
    "K": "keras.backend",
    "KL": "keras.layers",
    "KM": "keras.models",
    "OrderedDict": "collections:OrderedDict",
    "datetime": "datetime",
    "keras": "keras",
    "logging": "logging",
    "math": "math",
    "multiprocessing": "multiprocessing",
    "np": "numpy",
    "os": "os",
    "random": "random",
    "re": "re",
    "tf": "tensorflow",
    "utils": "mrcnn.utils",
}

__all__ = [
    "BatchNorm",
    "DetectionLayer",
    "DetectionTargetLayer",
    "MaskRCNN",
    "ProposalLayer",
    "PyramidROIAlign",
    "apply_box_deltas_graph",
    "batch_pack_graph",
    "build_detection_targets",
    "build_fpn_mask_graph",
    "build_rpn_model",
    "build_rpn_targets",
    "clip_boxes_graph",
    "compose_image_meta",
    "compute_backbone_shapes",
    "conv_block",
    "data_generator",
    "denorm_boxes_graph",
    "detection_targets_graph",
    "fpn_classifier_graph",
    "generate_random_rois",
    "identity_block",
    "load_image_gt",
    "log",
    "log2_graph",
    "mold_image",
    "mrcnn_bbox_loss_graph",
    "mrcnn_class_loss_graph",
    "mrcnn_mask_loss_graph",
    "norm_boxes_graph",
    "overlaps_graph",
    "parse_image_meta",
    "parse_image_meta_graph",
    "refine_detections_graph",
    "resnet_graph",
    "rpn_bbox_loss_graph",
    "rpn_class_loss_graph",
    "rpn_graph",
    "smooth_l1_loss",
    "trim_zeros_graph",
    "unmold_image",
    *available(_IMPORTED),
]


def __getattr__(name):
    if name == "KE":
        raise AttributeError("mrcnn.model no longer has 'KE': use keras.layers.")
    if name == "DataGenerator":
        raise AttributeError(
            "mrcnn.model has no 'DataGenerator', which exists only in forks for TensorFlow 2: data_generator(dataset, "
            "config) yields the same batches."
        )
    return fetch(globals(), _IMPORTED, name)
