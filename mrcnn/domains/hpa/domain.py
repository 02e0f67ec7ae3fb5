"""Cells of the Human Protein Atlas, with or without nucleoli: the `Domain` that samples/hpa_cells changes."""

from mrcnn.commands.boxes import find_classes, fit_classes, open_boxes
from mrcnn.commands.domain import Domain
from mrcnn.data.augment import Affine, FlipLR, FlipUD, GaussianBlur, Multiply, Rot90, SomeOf
from mrcnn.presets.cells import (
    CellConfig,
    CellDemoConfig,
    CellKerasFrcnnConfig,
    CellMatterportConfig,
    CellSmallConfig,
)

CLASS_NAMES = ("BG", "Nucleoli", "Not Nucleoli")
# Number of fields and seed of each part of the synthetic set; their side in pixels is half that of the Atlas's fields.
SYNTHETIC = {"train": (120, 1), "validation": (16, 2), "test": (24, 3)}
SYNTHETIC_SIDE = 256


class _AtlasClasses:
    """The classes before the training annotations are known, from which a training takes them."""

    NAME = "hpa_cells"
    NUM_CLASSES = len(CLASS_NAMES)
    CLASS_NAMES = CLASS_NAMES


class AtlasConfig(_AtlasClasses, CellConfig):
    """For a GPU: fields of 512 x 512 pixels, merged to RGB."""


class AtlasSmallConfig(_AtlasClasses, CellSmallConfig):
    """For a CPU: MobileNetV2, to be initialized with ImageNet weights, and narrow heads."""


class AtlasDemoConfig(_AtlasClasses, CellDemoConfig):
    """For the synthetic fields of 256 x 256 pixels."""


class AtlasKerasFrcnnConfig(_AtlasClasses, CellKerasFrcnnConfig):
    """The Faster R-CNN that was first used for these cells."""

    NAME = "hpa_cells_keras_frcnn"


class AtlasMatterportConfig(_AtlasClasses, CellMatterportConfig):
    """The Mask R-CNN that it was compared with, initialized with COCO weights (`--weights coco`)."""

    NAME = "hpa_cells_matterport"


def synthetic(part):
    """The "train", "validation" or "test" part of the synthetic fields, 256 x 256 pixels."""
    from mrcnn.domains.hpa.synthetic.cells import SyntheticCells

    count, seed = SYNTHETIC[part]
    return SyntheticCells(count, (SYNTHETIC_SIDE,) * 2, seed, nucleus_px=(28, 56), cells=(3, 9))


def augmentation(name):
    """The augmentation selected by --augmentation. Colours are kept: the class depends on which stain is bright."""
    flips = [FlipLR(p=0.5), FlipUD(p=0.5), Rot90()]
    if name == "none":
        return None
    if name == "flips":
        return flips
    if name == "light":
        return [*flips, SomeOf((0, 1), (Multiply((0.9, 1.1)), GaussianBlur((0, 1))))]
    turned = Affine(rotate=(-15, 15), scale=(0.8, 1.25), p=0.5)
    if name == "normal":
        return [*flips, turned, Multiply((0.8, 1.25), p=0.5)]
    return [*flips, turned, Multiply((0.6, 1.5), p=0.7), GaussianBlur((0, 2), p=0.3)]


SETTINGS = {"keras-frcnn": AtlasKerasFrcnnConfig, "matterport": AtlasMatterportConfig}
DOMAIN = Domain(
    "cells",
    CLASS_NAMES,
    {"full": AtlasConfig, "small": AtlasSmallConfig, "demo": AtlasDemoConfig, **SETTINGS},
    open_boxes,
    synthetic,
    fit_settings=fit_classes,
    augmentation=augmentation,
    counts_channels=True,
    find_classes=find_classes(CLASS_NAMES[1:]),
    reads_annotations=True,
    next_step="mrcnn hpa predict --weights RUN --out found IMAGES",
)
