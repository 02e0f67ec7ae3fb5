"""What is public: the names that docs/architecture.md promises to keep, from where users import them."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FACES = {
    "mrcnn": {"Config", "Dataset", "Instances", "MaskRCNN", "SemanticConfig", "SemanticSegmenter", "__version__"},
    "mrcnn.data": {
        "BoxDataset",
        "ChannelStack",
        "DSBDataset",
        "Dataset",
        "LabelImageDataset",
        "MaskFolderDataset",
        "PreparedDataset",
        "ShapesDataset",
        "StackDataset",
        "SyntheticMitochondria",
        "apply_augmentation",
        "dataset_tables",
        "generate_stack",
        "mean_pixel",
        "micrograph_augmentation",
        "open_dataset",
        "resize_image",
        "split_dataset",
        "unmold_image",
        "validate_dataset",
    },
    "mrcnn.evaluate": {
        "Counts",
        "Errors",
        "Matching",
        "PixelCounts",
        "ScoreCurve",
        "ap_of_instances",
        "class_confusion",
        "coco_ap",
        "compute_recall",
        "count_objects",
        "evaluate_classes",
        "evaluate_all",
        "evaluate_set",
        "find_errors",
        "format_all",
        "format_classes",
        "format_table",
        "mask_overlaps",
        "match_instances",
        "pixel_counts",
        "score_curves",
        "worst_images",
    },
    "mrcnn.plot": {
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
    },
    "mrcnn.results": {
        "Instances",
        "LinkSettings",
        "WatershedSettings",
        "cell_table",
        "coco_results",
        "detection_rows",
        "instances_from_probability",
        "link_slices",
        "measure_instances",
        "measure_volumes",
        "summarize",
        "summarize_set",
        "summarize_volumes",
        "write_csv",
        "write_imagej_rois",
        "write_label_tiff",
        "write_label_zarr",
        "write_volume_tiff",
    },
}
ROOMS = [name for name in FACES if name != "mrcnn"]
TRANSFORMS = {
    "Affine",
    "BrightnessContrast",
    "Compose",
    "Elastic",
    "FlipLR",
    "FlipUD",
    "Gamma",
    "GaussianBlur",
    "GaussianNoise",
    "Geometric",
    "Multiply",
    "OneOf",
    "Photometric",
    "Rot90",
    "SomeOf",
    "Sometimes",
    "apply_augmentation",
    "micrograph_augmentation",
}
MATTERPORT = {
    "mrcnn.model": {
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
    },
    "mrcnn.parallel_model": {"ParallelModel"},
    "mrcnn.utils": {
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
    },
    "mrcnn.visualize": {
        "ROOT_DIR",
        "apply_mask",
        "display_differences",
        "display_images",
        "display_instances",
        "display_table",
        "display_top_masks",
        "display_weight_stats",
        "draw_box",
        "draw_boxes",
        "draw_rois",
        "plot_overlaps",
        "plot_precision_recall",
        "random_colors",
    },
}


def loaded_after(code):
    """Names of the modules that a new interpreter has loaded after this code."""
    code += "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def stub_of(name):
    """(module, its name there) of each name that a face's stub imports; and what the stub's `__all__` lists."""
    tree = ast.parse((ROOT / name.replace(".", "/") / "__init__.pyi").read_text(encoding="utf-8"))
    homes = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (listed,) = (ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    return homes, listed


@pytest.mark.parametrize("name", FACES)
def test_a_face_has_these_names(name):
    face = importlib.import_module(name)
    assert set(face.__all__) == FACES[name]
    assert len(face.__all__) == len(FACES[name])
    assert set(face.__all__) <= set(dir(face))
    assert all(getattr(face, public) is not None for public in face.__all__)


def test_transforms_are_in_a_package_of_their_own():
    from mrcnn.data import augment

    assert set(augment.__all__) == TRANSFORMS
    assert all(hasattr(augment, public) for public in TRANSFORMS)


@pytest.mark.parametrize("name", MATTERPORT)
def test_matterports_modules_have_his_names(name):
    """Beside them `__all__` holds the modules that his modules had imported, for star imports."""
    module = importlib.import_module(name)
    listed = set(module.__all__) - set(getattr(module, "_IMPORTED", ()))
    assert listed == MATTERPORT[name]
    assert all(hasattr(module, public) for public in listed)


@pytest.mark.parametrize("name", ROOMS)
def test_a_public_name_hides_no_module(name):
    """`import mrcnn.data.split` would put the module in the place of a function `split`."""
    folder = ROOT / name.replace(".", "/")
    modules = {p.stem for p in folder.iterdir() if p.suffix == ".py" or p.is_dir()}
    assert not modules & FACES[name]


@pytest.mark.parametrize("name", ROOMS)
def test_a_face_costs_nothing_before_a_name_is_used(name):
    loaded = loaded_after(f"import {name}\ndir({name})")
    assert not loaded & {"numpy", "scipy", "skimage", "matplotlib", "pandas", "keras", "tensorflow", "jax"}
    assert {m for m in loaded if m.startswith(f"{name}.")} == set()


@pytest.mark.parametrize("name", ROOMS)
def test_a_face_needs_no_keras(name):
    assert not loaded_after(f"from {name} import *") & {"keras", "tensorflow", "jax"}


@pytest.mark.parametrize("name", ROOMS)
def test_a_star_import_gives_the_public_names(name):
    names = {}
    exec(f"from {name} import *", names)
    assert names.keys() - {"__builtins__"} == FACES[name]


@pytest.mark.parametrize("name", ROOMS)
def test_a_name_that_is_not_public_is_refused(name):
    face = importlib.import_module(name)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'no_such_name'"):
        _ = face.no_such_name
    with pytest.raises(ImportError, match="no_such_name"):
        exec(f"from {name} import no_such_name")


def test_functions_that_are_called_as_their_modules_have_another_name():
    from mrcnn.data import split, split_dataset
    from mrcnn.results import measure, measure_instances

    assert inspect.ismodule(split) and split_dataset is split.split
    assert inspect.ismodule(measure) and measure_instances is measure.measure


@pytest.mark.parametrize("name", FACES)
def test_type_checkers_are_told_the_same(name):
    """They read __init__.pyi, and Python __init__.py."""
    face = importlib.import_module(name)
    homes, listed = stub_of(name)
    assert set(listed) == FACES[name] and homes.keys() == FACES[name] - {"__version__"}
    for public, (module, inner) in homes.items():
        assert getattr(face, public) is getattr(importlib.import_module(module), inner), public


def test_matterports_detector_is_the_public_one_with_old_methods():
    import mrcnn
    import mrcnn.model

    assert issubclass(mrcnn.model.MaskRCNN, mrcnn.MaskRCNN) and mrcnn.model.MaskRCNN is not mrcnn.MaskRCNN
    for method in ("ancestor", "run_graph", "build", "compile", "get_imagenet_weights"):
        assert hasattr(mrcnn.model.MaskRCNN, method) and not hasattr(mrcnn.MaskRCNN, method), method


def test_matterports_config_is_the_public_one():
    import mrcnn
    from mrcnn.config import Config

    assert Config is mrcnn.Config


def test_the_document_says_what_is_public():
    section = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## What is public\n")[2]
    section = section.partition("\n## ")[0]
    assert all(f"`{name}`" in section for name in (*FACES, *MATTERPORT))


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "mrcnn" / "py.typed").is_file()
