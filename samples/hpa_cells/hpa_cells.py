"""Cells of the Human Protein Atlas, with or without nucleoli: settings and data shared by the scripts in this folder.

The settings themselves are in `mrcnn.presets.cells`, everything else in `mrcnn.domains.hpa.domain`; what is here can
override any of them.
"""

from dataclasses import replace

from mrcnn.domains.hpa import domain as atlas

CLASS_NAMES = atlas.CLASS_NAMES


class HpaCellsConfig(atlas.AtlasConfig):
    """For a GPU: fields of 512 x 512 pixels, merged to RGB.

    The number of classes and the class names are taken from the training annotations.
    """

    NAME = "hpa_cells"


class HpaCellsSmallConfig(atlas.AtlasSmallConfig):
    """For a CPU: MobileNetV2, to be initialized with ImageNet weights, and narrow heads."""

    NAME = "hpa_cells"


class HpaCellsDemoConfig(atlas.AtlasDemoConfig):
    """For the synthetic fields of 256 x 256 pixels."""

    NAME = "hpa_cells"


class KerasFrcnnConfig(atlas.AtlasKerasFrcnnConfig):
    """The Faster R-CNN that was first used for these cells."""

    NAME = "hpa_cells_keras_frcnn"


class MatterportBoxesConfig(atlas.AtlasMatterportConfig):
    """The Mask R-CNN that it was compared with, initialized with COCO weights (`--weights coco`)."""

    NAME = "hpa_cells_matterport"


SETTINGS = {"keras-frcnn": KerasFrcnnConfig, "matterport": MatterportBoxesConfig}
# Functions here can replace these in DOMAIN.
synthetic, augmentation = atlas.synthetic, atlas.augmentation
DOMAIN = replace(
    atlas.DOMAIN,
    configs={"full": HpaCellsConfig, "small": HpaCellsSmallConfig, "demo": HpaCellsDemoConfig, **SETTINGS},
    synthetic=synthetic,
    augmentation=augmentation,
)
