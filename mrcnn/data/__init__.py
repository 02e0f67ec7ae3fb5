"""Everything that produces training samples: data sets, readers, augmentation, molding. Independent of Keras.

`split` is the module; its function `split` is available here as `split_dataset`. All augmentation transforms are in
`mrcnn.data.augment`.
"""

from mrcnn.lazy import names_on_first_use

_HOMES = {
    "BoxDataset": "mrcnn.data.readers.boxes",
    "ChannelStack": "mrcnn.data.large.channels",
    "DSBDataset": "mrcnn.data.readers.dsb",
    "Dataset": "mrcnn.data.dataset",
    "LabelImageDataset": "mrcnn.data.readers.label_images",
    "MaskFolderDataset": "mrcnn.data.readers.mask_folders",
    "PreparedDataset": "mrcnn.data.prepared",
    "ShapesDataset": "mrcnn.data.synthetic.shapes",
    "StackDataset": "mrcnn.data.readers.stacks",
    "SyntheticMitochondria": "mrcnn.data.synthetic.mitochondria",
    "apply_augmentation": "mrcnn.data.augment",
    "dataset_tables": "mrcnn.data.statistics",
    "generate_stack": "mrcnn.data.synthetic.mitochondria_stack",
    "mean_pixel": "mrcnn.data.large.channels",
    "micrograph_augmentation": "mrcnn.data.augment",
    "open_dataset": "mrcnn.data.readers.open",
    "resize_image": "mrcnn.data.molding",
    "split_dataset": "mrcnn.data.split:split",
    "unmold_image": "mrcnn.data.molding",
    "validate_dataset": "mrcnn.data.dataset",
}

__all__ = [*_HOMES]
__getattr__, __dir__ = names_on_first_use(__name__, _HOMES)
