"""Mitochondria in electron micrographs: the settings and the data that the scripts beside this file share."""
import numpy as np
from backbone import small_resnet, small_resnet_shapes

from mrcnn.commands.domain import Domain
from mrcnn.config import Config, SemanticConfig
from mrcnn.data.dataset import Dataset
from mrcnn.data.readers.open import open_dataset

CLASS_NAME = "mitochondrion"
# Pictures and seed of each part of the synthetic set: sets of different seeds share no picture.
SYNTHETIC = {"train": (160, 1), "validation": (20, 2), "test": (24, 3)}


class MitochondriaConfig(Config):
    """For a GPU: a ResNet-101, for pictures of 1216 x 816 pixels (4864 x 3264, downscaled by 4)."""

    NAME = "mitochondria"
    NUM_CLASSES = 2                       # background and mitochondrion
    IMAGES_PER_GPU = 1
    IMAGE_MIN_DIM = 816
    IMAGE_MAX_DIM = 1216
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    TRAIN_ROIS_PER_IMAGE = 100
    STEPS_PER_EPOCH = None                # every picture once
    VALIDATION_STEPS = None
    LEARNING_RATE = 0.001                 # for the heads; all layers of a loaded model take a tenth, 1e-4


class MitochondriaSmallConfig(MitochondriaConfig):
    """For a CPU: a narrow network, for grey pictures that are reduced to 512 pixels where they are larger.

    Learns from random weights too. With pretrained ones: BACKBONE "mobilenet_v2", its batch norm frozen.
    """

    BACKBONE = staticmethod(small_resnet)
    COMPUTE_BACKBONE_SHAPE = staticmethod(small_resnet_shapes)
    IMAGE_CHANNEL_COUNT = 1
    MEAN_PIXEL = np.array([128.0])
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 512
    IMAGES_PER_GPU = 2
    TOP_DOWN_PYRAMID_SIZE = 128
    RPN_CONV_SIZE = 128
    PRE_NMS_LIMIT = 2000
    POST_NMS_ROIS_TRAINING = 500
    POST_NMS_ROIS_INFERENCE = 300
    FPN_CLASSIF_FC_LAYERS_SIZE = 512
    MASK_HEAD_SIZE = 128
    ROI_ALIGN = "aligned"                 # Matterport's single sample a bin is for his weights
    OPTIMIZER = "adam"
    LEARNING_RATE_SCHEDULE = "cosine"
    WARMUP_STEPS = 100


class DemoConfig(MitochondriaSmallConfig):
    """For the synthetic pictures of 256 x 256 pixels: learns them from random weights in minutes on two cores."""

    NAME = "demo"
    IMAGE_MAX_DIM = 256
    IMAGES_PER_GPU = 4
    TOP_DOWN_PYRAMID_SIZE = 64
    RPN_CONV_SIZE = 64
    MAX_GT_INSTANCES = 20
    PRE_NMS_LIMIT = 1000
    POST_NMS_ROIS_TRAINING = 250
    POST_NMS_ROIS_INFERENCE = 150
    TRAIN_ROIS_PER_IMAGE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    MASK_HEAD_SIZE = 64
    LEARNING_RATE = 0.002
    WARMUP_STEPS = 50
    DETECTION_MIN_CONFIDENCE = 0.8        # scores run high: a third of what was trained on is objects
    VALIDATE_EVERY = 4
    KEEP_CHECKPOINTS = 1


class MitochondriaSemanticConfig(SemanticConfig):
    """For U-Net and FCN, on grey pictures of any size: crops of 256 x 256 pixels are learnt from."""

    NAME = "mitochondria"
    IMAGE_CHANNEL_COUNT = 1
    MEAN_PIXEL = np.array([128.0])
    WARMUP_STEPS = 100
    LEARNING_RATE = 0.001


class MitochondriaDataset(Dataset):
    """Annotated micrographs from files; see `mrcnn.data.readers.open.open_dataset` for the layouts.

    Parameters
    ----------
    path : str or Path
        Folder of pictures and masks, or a TIFF stack.
    truth : str or Path, optional
        The stack's labels or foreground, or the folder of label images.
    **options
        Of the reader: `slices`, `pixel_size_nm`, `min_size_px`, `threshold`, ...
    """

    def __init__(self, path, truth=None, **options):
        super().__init__()
        self.files = open_dataset(path, truth, class_name=CLASS_NAME, **options)
        self.channels = self.files.channels
        self.add_class("mitochondria", 1, CLASS_NAME)
        for index, info in enumerate(self.files.image_info):
            self.add_image("mitochondria", info["id"], info["path"], page=info.get("page"),
                           group=self.files.group(index), index=index)
        self.prepare()

    def load_image(self, image_id):
        """Picture [H, W, C] in its file's type."""
        return self.files.load_image(self.image_info[image_id]["index"])

    def load_instances(self, image_id):
        """The picture's mitochondria as `Instances`."""
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


def synthetic(part):
    """The "train", "validation" or "test" part of the synthetic micrographs, 256 x 256 pixels of 12 nm."""
    from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria

    count, seed = SYNTHETIC[part]
    return SyntheticMitochondria(count, seed=seed)


DOMAIN = Domain("mitochondria", ("BG", CLASS_NAME),
                {"full": MitochondriaConfig, "small": MitochondriaSmallConfig, "demo": DemoConfig,
                 "semantic": MitochondriaSemanticConfig},
                MitochondriaDataset, synthetic, {"small_resnet": (small_resnet, small_resnet_shapes)},
                counts_channels=True)
