from mrcnn.data.augment import apply_augmentation, micrograph_augmentation
from mrcnn.data.dataset import Dataset, validate_dataset
from mrcnn.data.large.channels import ChannelStack, mean_pixel
from mrcnn.data.molding import resize_image, unmold_image
from mrcnn.data.prepared import PreparedDataset
from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.data.readers.dsb import DSBDataset
from mrcnn.data.readers.label_images import LabelImageDataset
from mrcnn.data.readers.mask_folders import MaskFolderDataset
from mrcnn.data.readers.open import open_dataset
from mrcnn.data.readers.stacks import StackDataset
from mrcnn.data.split import split as split_dataset
from mrcnn.data.statistics import dataset_tables
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.data.synthetic.mitochondria_stack import generate_stack
from mrcnn.data.synthetic.shapes import ShapesDataset

__all__ = [
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
]
