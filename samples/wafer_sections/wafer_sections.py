"""Brain sections on a silicon wafer: settings and data shared by the scripts in this folder.

The settings themselves are in `mrcnn.presets.wafers`, everything else in `mrcnn.domains.wafer.domain`; what is here can
override any of them.

As a script, this file accepts the commands of the first wafer projects:

    python wafer_sections.py train --dataset DIR --weights imagenet|last|FILE --subset NAME [--logs DIR]
    python wafer_sections.py detect --dataset DIR --weights RUN_OR_FILE --subset NAME [--logs DIR]
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from mrcnn.domains.wafer import domain as wafers
from mrcnn.presets.wafers import SectionConfig, SectionSmallConfig

CHANNELS, CLASS_NAMES = wafers.CHANNELS, wafers.CLASS_NAMES


class WaferConfig(SectionConfig):
    """For a GPU: the settings used to train on the first wafers; images are enlarged twofold, crops have 512 pixels.

    The number of channels and the mean pixel are taken from the training images.
    """

    NAME = "wafer"
    NUM_CLASSES = len(CLASS_NAMES)  # background, tissue, magnet
    IMAGE_CHANNEL_COUNT = len(CHANNELS)


class WaferSmallConfig(SectionSmallConfig):
    """For a CPU: MobileNetV2 and narrow heads, images at their original size."""

    NAME = "wafer"
    NUM_CLASSES = len(CLASS_NAMES)
    IMAGE_CHANNEL_COUNT = len(CHANNELS)


class WaferDataset(wafers.WaferDataset):
    """Folders of patches; for other files, override the methods of `mrcnn.data.dataset.Dataset` here."""


# Functions here can replace these in DOMAIN.
synthetic, fit_settings, augmentation = wafers.synthetic, wafers.fit_settings, wafers.augmentation
DOMAIN = replace(
    wafers.DOMAIN,
    configs={"full": WaferConfig, "small": WaferSmallConfig, "demo": WaferSmallConfig},
    open_dataset=WaferDataset,
    synthetic=synthetic,
    fit_settings=fit_settings,
    augmentation=augmentation,
)


def main(argv=None):
    """Run one of Matterport's commands, as in the original `brain.py`; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("train", "detect"))
    parser.add_argument("--dataset", required=True, metavar="DIR", help="folder that contains the subsets")
    parser.add_argument("--subset", required=True, metavar="NAME", help="folder of patches inside DIR, such as train")
    parser.add_argument("--weights", required=True, metavar="imagenet|last|RUN_OR_FILE")
    parser.add_argument("--logs", default="logs", metavar="DIR", help="folder for the runs (default logs)")
    options = parser.parse_args(argv)
    patches = str(Path(options.dataset) / options.subset)
    if options.command == "train":
        from train import main as train

        backbone = ["--backbone", "resnet50"] if options.weights == "imagenet" else []
        return train(["--dataset", patches, "--weights", options.weights, "--logs", options.logs, *backbone])
    from evaluate import main as evaluate

    weights = options.weights
    if weights == "last":
        from mrcnn.commands.training import last_run

        weights = str(last_run(options.logs) or options.logs)
    return evaluate(["--dataset", patches, "--weights", weights, "--out", str(Path(options.logs) / "evaluation")])


if __name__ == "__main__":
    sys.exit(main())
