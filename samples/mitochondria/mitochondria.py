"""Mitochondria in electron micrographs: the settings and the data that the scripts in this folder share.

The settings themselves are in `mrcnn.presets.micrographs`, everything else in `mrcnn.commands.micrographs`; the classes
here can override any of them.
"""

from dataclasses import replace

from mrcnn.commands import micrographs
from mrcnn.commands.micrographs import CLASS_NAME
from mrcnn.data.dataset import Dataset
from mrcnn.data.readers.open import open_dataset
from mrcnn.presets.micrographs import (
    MicrographConfig,
    MicrographDemoConfig,
    MicrographSemanticConfig,
    MicrographSmallConfig,
)


class MitochondriaConfig(MicrographConfig):
    """For a GPU: a ResNet-101, for images of 1216 x 816 pixels (4864 x 3264, downscaled by 4)."""

    NAME = "mitochondria"
    NUM_CLASSES = 2  # background and mitochondrion


class MitochondriaSmallConfig(MicrographSmallConfig):
    """For a CPU: a narrow network for grey images, trained on crops of images larger than 512 pixels.

    It can be trained from random weights. For pretrained ones: BACKBONE "mobilenet_v2", with frozen batch norm.
    """

    NAME = "mitochondria"
    NUM_CLASSES = 2


class DemoConfig(MicrographDemoConfig):
    """For the synthetic images of 256 x 256 pixels: trains from random weights in minutes on two cores."""

    NAME = "demo"
    NUM_CLASSES = 2


class MitochondriaSemanticConfig(MicrographSemanticConfig):
    """For U-Net and FCN, on grey images of any size, trained on crops of 256 x 256 pixels."""

    NAME = "mitochondria"
    NUM_CLASSES = 2


class MitochondriaDataset(Dataset):
    """Annotated micrographs from files; see `mrcnn.data.readers.open.open_dataset` for the layouts.

    Parameters
    ----------
    path : str or Path
        Folder of images and masks, or a TIFF stack.
    truth : str or Path, optional
        Ground truth: labels or foreground of the stack, or the folder of label images.
    **options
        Options of the reader: `slices`, `pixel_size_nm`, `min_size_px`, `threshold`, ...
    """

    def __init__(self, path, truth=None, **options):
        super().__init__()
        self.files = open_dataset(path, truth, class_name=CLASS_NAME, **options)
        self.channels = self.files.channels
        self.add_class("mitochondria", 1, CLASS_NAME)
        for index, info in enumerate(self.files.image_info):
            self.add_image(
                "mitochondria",
                info["id"],
                info["path"],
                page=info.get("page"),
                group=self.files.group(index),
                index=index,
            )
        self.prepare()

    def load_image(self, image_id):
        """Image [H, W, C] with the data type of its file."""
        return self.files.load_image(self.image_info[image_id]["index"])

    def load_instances(self, image_id):
        """The mitochondria of the image as `Instances`."""
        return self.files.load_instances(self.image_info[image_id]["index"])

    def image_shape(self, image_id):
        """(H, W, C), from the file's header."""
        return self.files.image_shape(self.image_info[image_id]["index"])

    def pixel_size_nm(self, image_id):
        """(y, x) in nm, or None."""
        return self.files.pixel_size_nm(self.image_info[image_id]["index"])

    def image_reference(self, image_id):
        """File, and page of a stack."""
        return self.files.image_reference(self.image_info[image_id]["index"])


# `replace` can also change the other attributes of `Domain`, such as `synthetic` or `augmentation`.
DOMAIN = replace(
    micrographs.DOMAIN,
    configs={
        "full": MitochondriaConfig,
        "small": MitochondriaSmallConfig,
        "demo": DemoConfig,
        "semantic": MitochondriaSemanticConfig,
    },
    open_dataset=MitochondriaDataset,
)
