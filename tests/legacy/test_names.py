"""Every public name of Matterport's five modules, with the parameters that old scripts pass.

A parameter of ours may follow his, when it may be left out; his are there with their names, order and defaults.
"""

import importlib
import importlib.util
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mrcnn.legacy.reexports import available, fetch

ROOT = Path(__file__).resolve().parents[2]
SEVEN = "gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks"
HEAD = "rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True"
BLOCK = "input_tensor, kernel_size, filters, stage, block"

UTILS = {
    "extract_bboxes": "mask",
    "compute_iou": "box, boxes, box_area, boxes_area",
    "compute_overlaps": "boxes1, boxes2",
    "compute_overlaps_masks": "masks1, masks2",
    "non_max_suppression": "boxes, scores, threshold",
    "apply_box_deltas": "boxes, deltas",
    "box_refinement": "box, gt_box",
    "box_refinement_graph": "box, gt_box",
    "Dataset": "class_map=None",
    "Dataset.add_class": "self, source, class_id, class_name",
    "Dataset.add_image": "self, source, image_id, path, **kwargs",
    "Dataset.prepare": "self, class_map=None",
    "Dataset.map_source_class_id": "self, source_class_id",
    "Dataset.get_source_class_id": "self, class_id, source",
    "Dataset.source_image_link": "self, image_id",
    "Dataset.image_reference": "self, image_id",
    "Dataset.load_image": "self, image_id",
    "Dataset.load_mask": "self, image_id",
    "resize_image": "image, min_dim=None, max_dim=None, min_scale=None, mode='square'",
    "resize_mask": "mask, scale, padding, crop=None",
    "minimize_mask": "bbox, mask, mini_shape",
    "expand_mask": "bbox, mini_mask, image_shape",
    "mold_mask": "mask, config",
    "unmold_mask": "mask, bbox, image_shape",
    "generate_anchors": "scales, ratios, shape, feature_stride, anchor_stride",
    "generate_pyramid_anchors": "scales, ratios, feature_shapes, feature_strides, anchor_stride",
    "trim_zeros": "x",
    "compute_matches": f"{SEVEN}, iou_threshold=0.5, score_threshold=0.0",
    "compute_ap": f"{SEVEN}, iou_threshold=0.5",
    "compute_ap_range": f"{SEVEN}, iou_thresholds=None, verbose=1",
    "compute_recall": "pred_boxes, gt_boxes, iou",
    "batch_slice": "inputs, graph_fn, batch_size, names=None",
    "download_trained_weights": "coco_model_path, verbose=1",
    "norm_boxes": "boxes, shape",
    "denorm_boxes": "boxes, shape",
    "resize": "image, output_shape, order=1, mode='constant', cval=0, clip=True, preserve_range=False, "
    "anti_aliasing=False, anti_aliasing_sigma=None",
}

VISUALIZE = {
    "display_images": "images, titles=None, cols=4, cmap=None, norm=None, interpolation=None",
    "random_colors": "N, bright=True",
    "apply_mask": "image, mask, color, alpha=0.5",
    "display_instances": "image, boxes, masks, class_ids, class_names, scores=None, title='', figsize=(16, 16), "
    "ax=None, show_mask=True, show_bbox=True, colors=None, captions=None",
    "display_differences": "image, gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask, "
    "class_names, title='', ax=None, show_mask=True, show_box=True, iou_threshold=0.5, "
    "score_threshold=0.5",
    "draw_rois": "image, rois, refined_rois, mask, class_ids, class_names, limit=10",
    "draw_box": "image, box, color",
    "display_top_masks": "image, mask, class_ids, class_names, limit=4",
    "plot_precision_recall": "AP, precisions, recalls",
    "plot_overlaps": "gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold=0.5",
    "draw_boxes": "image, boxes=None, refined_boxes=None, masks=None, captions=None, visibilities=None, title='', "
    "ax=None",
    "display_table": "table",
    "display_weight_stats": "model",
}

MODEL = {
    "log": "text, array=None",
    "compute_backbone_shapes": "config, image_shape",
    "identity_block": f"{BLOCK}, use_bias=True, train_bn=True",
    "conv_block": f"{BLOCK}, strides=(2, 2), use_bias=True, train_bn=True",
    "resnet_graph": "input_image, architecture, stage5=False, train_bn=True",
    "apply_box_deltas_graph": "boxes, deltas",
    "clip_boxes_graph": "boxes, window",
    "ProposalLayer": "proposal_count, nms_threshold, config=None, **kwargs",
    "log2_graph": "x",
    "PyramidROIAlign": "pool_shape, **kwargs",
    "overlaps_graph": "boxes1, boxes2",
    "detection_targets_graph": "proposals, gt_class_ids, gt_boxes, gt_masks, config",
    "DetectionTargetLayer": "config, **kwargs",
    "refine_detections_graph": "rois, probs, deltas, window, config",
    "DetectionLayer": "config=None, **kwargs",
    "rpn_graph": "feature_map, anchors_per_location, anchor_stride",
    "build_rpn_model": "anchor_stride, anchors_per_location, depth",
    "fpn_classifier_graph": f"{HEAD}, fc_layers_size=1024",
    "build_fpn_mask_graph": HEAD,
    "smooth_l1_loss": "y_true, y_pred",
    "rpn_class_loss_graph": "rpn_match, rpn_class_logits",
    "rpn_bbox_loss_graph": "config, target_bbox, rpn_match, rpn_bbox",
    "mrcnn_class_loss_graph": "target_class_ids, pred_class_logits, active_class_ids",
    "mrcnn_bbox_loss_graph": "target_bbox, target_class_ids, pred_bbox",
    "mrcnn_mask_loss_graph": "target_masks, target_class_ids, pred_masks",
    "load_image_gt": "dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False",
    "build_detection_targets": "rpn_rois, gt_class_ids, gt_boxes, gt_masks, config",
    "build_rpn_targets": "image_shape, anchors, gt_class_ids, gt_boxes, config",
    "generate_random_rois": "image_shape, count, gt_class_ids, gt_boxes",
    "data_generator": "dataset, config, shuffle=True, augment=False, augmentation=None, random_rois=0, batch_size=1, "
    "detection_targets=False, no_augmentation_sources=None",
    "MaskRCNN": "mode, config, model_dir",
    "MaskRCNN.build": "self, mode, config",
    "MaskRCNN.find_last": "self",
    "MaskRCNN.load_weights": "self, filepath, by_name=False, exclude=None",
    "MaskRCNN.get_imagenet_weights": "self",
    "MaskRCNN.compile": "self, learning_rate, momentum",
    "MaskRCNN.set_trainable": "self, layer_regex, keras_model=None, indent=0, verbose=1",
    "MaskRCNN.set_log_dir": "self, model_path=None",
    "MaskRCNN.train": "self, train_dataset, val_dataset, learning_rate, epochs, layers, augmentation=None, "
    "custom_callbacks=None, no_augmentation_sources=None",
    "MaskRCNN.mold_inputs": "self, images",
    "MaskRCNN.unmold_detections": "self, detections, mrcnn_mask, original_image_shape, image_shape, window",
    "MaskRCNN.detect": "self, images, verbose=0",
    "MaskRCNN.detect_molded": "self, molded_images, image_metas, verbose=0",
    "MaskRCNN.get_anchors": "self, image_shape",
    "MaskRCNN.ancestor": "self, tensor, name, checked=None",
    "MaskRCNN.find_trainable_layer": "self, layer",
    "MaskRCNN.get_trainable_layers": "self",
    "MaskRCNN.run_graph": "self, images, outputs, image_metas=None",
    "compose_image_meta": "image_id, original_image_shape, image_shape, window, scale, active_class_ids",
    "parse_image_meta": "meta",
    "parse_image_meta_graph": "meta",
    "mold_image": "images, config",
    "unmold_image": "normalized_images, config",
    "trim_zeros_graph": "boxes, name='trim_zeros'",
    "batch_pack_graph": "x, counts, num_rows",
    "norm_boxes_graph": "boxes, shape",
    "denorm_boxes_graph": "boxes, shape",
}

PARALLEL = {
    "ParallelModel": "keras_model, gpu_count",
    "ParallelModel.make_parallel": "self",
    "ParallelModel.summary": "self, *args, **kwargs",
}

CONFIG = {"Config": "", "Config.display": "self", "Config.to_dict": "self"}

SETTINGS = {
    "NAME": None,
    "GPU_COUNT": 1,
    "IMAGES_PER_GPU": 2,
    "STEPS_PER_EPOCH": 1000,
    "VALIDATION_STEPS": 50,
    "BACKBONE": "resnet101",
    "COMPUTE_BACKBONE_SHAPE": None,
    "BACKBONE_STRIDES": [4, 8, 16, 32, 64],
    "FPN_CLASSIF_FC_LAYERS_SIZE": 1024,
    "TOP_DOWN_PYRAMID_SIZE": 256,
    "NUM_CLASSES": 1,
    "RPN_ANCHOR_SCALES": (32, 64, 128, 256, 512),
    "RPN_ANCHOR_RATIOS": [0.5, 1, 2],
    "RPN_ANCHOR_STRIDE": 1,
    "RPN_NMS_THRESHOLD": 0.7,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": 256,
    "PRE_NMS_LIMIT": 6000,
    "POST_NMS_ROIS_TRAINING": 2000,
    "POST_NMS_ROIS_INFERENCE": 1000,
    "USE_MINI_MASK": True,
    "MINI_MASK_SHAPE": (56, 56),
    "IMAGE_RESIZE_MODE": "square",
    "IMAGE_MIN_DIM": 800,
    "IMAGE_MAX_DIM": 1024,
    "IMAGE_MIN_SCALE": 0,
    "IMAGE_CHANNEL_COUNT": 3,
    "MEAN_PIXEL": [123.7, 116.8, 103.9],
    "TRAIN_ROIS_PER_IMAGE": 200,
    "ROI_POSITIVE_RATIO": 0.33,
    "POOL_SIZE": 7,
    "MASK_POOL_SIZE": 14,
    "MASK_SHAPE": [28, 28],
    "MAX_GT_INSTANCES": 100,
    "RPN_BBOX_STD_DEV": [0.1, 0.1, 0.2, 0.2],
    "BBOX_STD_DEV": [0.1, 0.1, 0.2, 0.2],
    "DETECTION_MAX_INSTANCES": 100,
    "DETECTION_MIN_CONFIDENCE": 0.7,
    "DETECTION_NMS_THRESHOLD": 0.3,
    "LEARNING_RATE": 0.001,
    "LEARNING_MOMENTUM": 0.9,
    "WEIGHT_DECAY": 0.0001,
    "USE_RPN_ROIS": True,
    "TRAIN_BN": False,
    "GRADIENT_CLIP_NORM": 5.0,
    "LOSS_WEIGHTS": {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
    },
}

# What his modules had imported, as an import of each names it.
IMPORTED = {
    "model": {
        "os": "os",
        "random": "random",
        "datetime": "datetime",
        "re": "re",
        "math": "math",
        "logging": "logging",
        "OrderedDict": "collections:OrderedDict",
        "multiprocessing": "multiprocessing",
        "np": "numpy",
        "tf": "tensorflow",
        "keras": "keras",
        "K": "keras.backend",
        "KL": "keras.layers",
        "KM": "keras.models",
        "utils": "mrcnn.utils",
    },
    "utils": {
        "sys": "sys",
        "os": "os",
        "logging": "logging",
        "math": "math",
        "random": "random",
        "np": "numpy",
        "tf": "tensorflow",
        "scipy": "scipy",
        "skimage": "skimage",
        "urllib": "urllib",
        "shutil": "shutil",
        "warnings": "warnings",
    },
    "visualize": {
        "os": "os",
        "sys": "sys",
        "random": "random",
        "itertools": "itertools",
        "colorsys": "colorsys",
        "np": "numpy",
        "find_contours": "skimage.measure:find_contours",
        "plt": "matplotlib.pyplot",
        "patches": "matplotlib.patches",
        "lines": "matplotlib.lines",
        "Polygon": "matplotlib.patches:Polygon",
        "IPython": "IPython",
        "utils": "mrcnn.utils",
    },
}

MODULES = {"config": CONFIG, "utils": UTILS, "model": MODEL, "visualize": VISUALIZE, "parallel_model": PARALLEL}
NAMES = [(module, name) for module, names in MODULES.items() for name in names]


def differences(wanted, found):
    """What keeps calls written for one signature from working with another; none when they all do."""
    wrong, others = [], list(found.values())
    for position, parameter in enumerate(wanted.values()):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            if parameter.kind not in [other.kind for other in others]:
                wrong.append(f"takes no {parameter}")
        elif position >= len(others) or others[position].name != parameter.name:
            wrong.append(f"has no {parameter.name} in place {position}")
        elif others[position].default != parameter.default or others[position].kind != parameter.kind:
            wrong.append(f"has {others[position]} where {parameter} is")
    wrong += [
        f"needs {p}"
        for p in others
        if p.name not in wanted and p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return wrong


def parameters(text):
    return inspect.signature(eval(f"lambda {text}: None")).parameters


def resolve(module, name):
    found = importlib.import_module(f"mrcnn.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(("module", "name"), NAMES, ids=lambda text: text)
def test_name_takes_the_old_parameters(module, name):
    found = inspect.signature(resolve(module, name)).parameters
    assert differences(parameters(MODULES[module][name]), found) == []


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ("a, c=1", "has no b in place 1"),
        ("b, a=1", "has no a in place 0"),
        ("a, b=2", "has b=2 where b=1 is"),
        ("a, b", "has b where b=1 is"),
        ("a, *, b=1", "has b=1 where b=1 is"),
        ("a", "has no b in place 1"),
        ("a, b=1, *, c", "needs c"),
    ],
)
def test_the_check_finds_what_breaks_a_call(found, problem):
    assert problem in differences(parameters("a, b=1"), parameters(found))


def test_the_check_allows_more_that_may_be_left_out():
    assert differences(parameters("a, b=1"), parameters("a, b=1, c=2, *args, d=3, **kwargs")) == []
    assert differences(parameters("a, **kwargs"), parameters("a, b=1")) == ["takes no **kwargs"]


@pytest.mark.parametrize("module", ["utils", "model", "visualize", "parallel_model"])
def test_all_lists_the_old_names(module):
    listed = importlib.import_module(f"mrcnn.{module}").__all__
    assert {name for name in MODULES[module] if "." not in name} <= set(listed)
    assert all(resolve(module, name) is not None for name in listed)


def test_names_that_are_not_called():
    import keras

    from mrcnn.model import BatchNorm
    from mrcnn.utils import COCO_MODEL_URL, Dataset

    assert issubclass(BatchNorm, keras.layers.BatchNormalization)
    assert COCO_MODEL_URL == "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
    assert isinstance(Dataset.image_ids, property)


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_has_the_old_default(name):
    from mrcnn.config import Config

    wanted, found = SETTINGS[name], getattr(Config, name)
    assert np.array_equal(found, wanted) if isinstance(wanted, (list, tuple)) else found == wanted
    assert np.array_equal(getattr(Config(), name), found)


def test_computed_settings_are_the_old_ones():
    from mrcnn.config import Config

    class Crops(Config):
        IMAGE_RESIZE_MODE, NUM_CLASSES, GPU_COUNT = "crop", 4, 2

    assert (Config().BATCH_SIZE, Crops().BATCH_SIZE) == (2, 4)
    assert np.array_equal(Config().IMAGE_SHAPE, [1024, 1024, 3])
    assert np.array_equal(Crops().IMAGE_SHAPE, [800, 800, 3])
    assert (Config().IMAGE_META_SIZE, Crops().IMAGE_META_SIZE) == (13, 16)


def test_pictures_and_helpers_are_imported_without_a_framework():
    code = (
        "import sys, json; from mrcnn import utils, visualize; import mrcnn.utils as u\n"
        "from mrcnn.utils import Dataset; assert u is utils\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(json.loads(done.stdout)) & {"keras", "tensorflow", "jax", "torch"}


# --- What his modules had imported ---
def without(text, *libraries):
    """What a new interpreter with Keras on JAX prints for this code where these libraries are not installed."""
    hidden = f"import sys; sys.modules.update(dict.fromkeys({libraries}))\n"
    done = subprocess.run(
        [sys.executable, "-c", hidden + text],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    return done.stdout


@pytest.mark.parametrize(("module", "name"), [(m, name) for m, names in IMPORTED.items() for name in names])
def test_what_his_module_had_imported_is_an_attribute(module, name):
    source = IMPORTED[module][name]
    pytest.importorskip(source.partition(":")[0], exc_type=ModuleNotFoundError)
    found, library = resolve(module, name), pkgutil.resolve_name(source)
    if name in ("K", "tf"):
        assert dir(found) == dir(library) and found.__name__ == library.__name__
        assert found.float32 is library.float32 if name == "tf" else found.epsilon is library.epsilon
    else:
        assert found is library


@pytest.mark.parametrize(("name", "gone"), [("K", "function"), ("K", "get_session"), ("tf", "Session")])
def test_what_went_with_tensorflow_1_names_its_replacement(name, gone):
    from mrcnn import model

    pytest.importorskip("tensorflow" if name == "tf" else "keras", exc_type=ModuleNotFoundError)
    with pytest.raises(AttributeError, match=f"{gone}.*MaskRCNN.run_graph gives the values"):
        getattr(getattr(model, name), gone)


@pytest.mark.parametrize("module", IMPORTED)
def test_star_import_gives_what_his_gave(module):
    scope = {}
    exec(f"from mrcnn.{module} import *", scope)
    wanted = {
        name
        for name, source in IMPORTED[module].items()
        if importlib.util.find_spec(source.partition(":")[0].partition(".")[0])
    }
    assert {*wanted, *(name for name in MODULES[module] if "." not in name)} <= set(scope)


def test_parts_of_libraries_that_utils_had_imported():
    from mrcnn import utils

    assert callable(utils.skimage.io.imread) and callable(utils.skimage.transform.resize)
    assert callable(utils.skimage.color.gray2rgb) and callable(utils.urllib.request.urlopen)


def test_nothing_is_imported_before_it_is_asked_for():
    pytest.importorskip("jax", exc_type=ModuleNotFoundError)
    assert without("import mrcnn.model, mrcnn.visualize; print('tensorflow' in sys.modules)") == "False\n"
    assert without("import mrcnn.utils; print('keras' in sys.modules, 'skimage' in sys.modules)") == "False False\n"


def test_star_imports_leave_out_what_is_not_installed():
    pytest.importorskip("jax", exc_type=ModuleNotFoundError)
    code = "".join(f"from mrcnn.{module} import *\n" for module in IMPORTED)
    code += (
        "import mrcnn.model\nprint(np.pi, callable(MaskRCNN), plt.__name__, 'tf' in globals(), "
        "'IPython' in globals(), hasattr(mrcnn.model, 'tf'))"
    )
    assert without(code, "tensorflow", "IPython") == f"{np.pi} True matplotlib.pyplot False False False\n"


def test_a_library_that_is_not_installed_is_named():
    sources = {"np": "numpy", "no": "no_such_library.part:thing"}
    assert available(sources) == ["np"]
    with pytest.raises(AttributeError, match="mrcnn.utils has no 'no' here: No module named 'no_such_library'"):
        fetch({"__name__": "mrcnn.utils"}, sources, "no")


@pytest.mark.parametrize("module", IMPORTED)
def test_an_unknown_name_is_an_attribute_error(module):
    with pytest.raises(AttributeError, match=f"module 'mrcnn.{module}' has no attribute 'nothing'"):
        resolve(module, "nothing")
