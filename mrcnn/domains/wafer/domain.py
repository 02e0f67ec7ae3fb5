"""Brain sections on a silicon wafer: the `Domain` of the wafer commands, which samples/wafer_sections changes."""

from mrcnn.commands.domain import Domain
from mrcnn.data.augment import Affine, FlipLR, FlipUD, GaussianBlur, GaussianNoise, Multiply, Rot90, SomeOf
from mrcnn.data.large.channels import ChannelStack, mean_pixel
from mrcnn.domains.wafer.labels.outlines import CLASS_NAMES
from mrcnn.domains.wafer.patches.cut import WaferPatches, random_patches
from mrcnn.domains.wafer.patches.folders import PatchFolderDataset
from mrcnn.errors import ConfigError
from mrcnn.presets.wafers import SectionConfig, SectionSmallConfig

CHANNELS = ("grey", "fluo")
_CHANNELS_TEXT = ",".join(CHANNELS)
# Number of patches and seed of their wafer, for each part of the synthetic set.
SYNTHETIC = {"train": (120, 1), "validation": (16, 2), "test": (24, 3)}


class WaferDataset(PatchFolderDataset):
    """Folders of patches; see `mrcnn.domains.wafer.patches.folders.PatchFolderDataset`.

    Parameters
    ----------
    path : str or Path
        Folder of patches.
    truth : None
        Not supported, because the masks are in the folders of the patches.
    channels : str
        Channel names, separated by commas.
    **options
        Further parameters of `PatchFolderDataset`.
    """

    def __init__(self, path, truth=None, channels=_CHANNELS_TEXT, **options):
        if truth is not None:
            raise ConfigError(f"--truth {truth} is not supported: the masks of a patch are in its own folder.")
        super().__init__(path, tuple(name.strip() for name in channels.split(",")), **options)


def synthetic(part):
    """The "train", "validation" or "test" patches, 256 x 256 pixels, each part from its own synthetic wafer."""
    from mrcnn.domains.wafer.synthetic.wafer import synthetic_wafer

    count, seed = SYNTHETIC[part]
    images, labels = synthetic_wafer((1200, 1200), 40, seed)
    windows = random_patches(labels, (1200, 1200), 256, count, min_tissue=1, min_magnet=1, seed=seed)
    return WaferPatches(ChannelStack.from_arrays(images, CHANNELS), labels, windows)


def fit_settings(config, dataset):
    """Set the number of channels and the mean pixel from the training images."""
    config.IMAGE_CHANNEL_COUNT = dataset.channels
    config.MEAN_PIXEL = mean_pixel(dataset)


def augmentation(name):
    """The augmentation selected by --augmentation; none of them changes the shape of a section, which is given by the
    tissue block.

    "normal" was used to train on the first wafers: up to two of flips, right-angle rotations, brightness and blur.
    """
    flips = (FlipLR(p=0.5), FlipUD(p=0.5), Rot90())
    if name == "none":
        return None
    if name == "flips":
        return list(flips)
    if name == "light":
        return SomeOf((0, 2), (*flips, Multiply((0.9, 1.2))))
    if name == "normal":
        return SomeOf((0, 2), (*flips, Multiply((0.8, 1.5)), GaussianBlur((0, 5))))
    return [
        *flips,
        Affine(rotate=(-180, 180), scale=1, p=0.5),
        Multiply((0.7, 1.5), p=0.7),
        GaussianBlur((0, 3), p=0.3),
        GaussianNoise((0, 0.03), p=0.4),
    ]


DOMAIN = Domain(
    "wafer sections",
    CLASS_NAMES,
    {"full": SectionConfig, "small": SectionSmallConfig, "demo": SectionSmallConfig},
    WaferDataset,
    synthetic,
    fit_settings=fit_settings,
    augmentation=augmentation,
    next_step="mrcnn wafer predict --weights RUN --channels grey=FILE,fluo=FILE --out found",
)
