"""`Domain`: the objects, settings and data that a sample defines for the shared scripts."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mrcnn.nets.backbones import CALLABLES


@dataclass(frozen=True)
class Domain:
    """One kind of object to detect.

    Attributes
    ----------
    name : str
        For messages: "mitochondria".
    class_names : tuple of str
        By class id, background first.
    configs : dict of str to type
        Subclasses of `Config`: "full" for GPUs, "small" for CPUs, "demo" for the synthetic images,
        and optionally "semantic", a `SemanticConfig` for U-Net and FCN.
    open_dataset : callable
        (path, truth=None, **options) -> Dataset, as `mrcnn.data.readers.open.open_dataset`.
    synthetic : callable
        "train", "validation" or "test" -> Dataset; the three have no image in common.
    backbones : dict of str to (callable, callable)
        Networks in addition to those of `mrcnn.nets.backbones`, by the name of their function: BACKBONE and
        COMPUTE_BACKBONE_SHAPE. A settings file stores only the name.
    fit_settings : callable, optional
        (config, dataset) -> None: sets what depends on the training images, such as the mean pixel. Called when a
        training starts, unless its settings come from a file.
    augmentation : callable, optional
        Name given to --augmentation -> augmentation; None: the augmentation for micrographs.
    next_step : str
        What to do with a trained model, in which `RUN` stands for the folder of its run.
    find_classes : callable, optional
        (path, truth, options of the reader) -> class names without the background, for `open_dataset` with `classes`.
    reads_annotations : bool
        Whether `open_dataset` takes the options of annotations: `outlines`, `boxes_as_masks`.
    counts_channels : bool
        Whether `open_dataset` takes the number of `channels`. It then gets IMAGE_CHANNEL_COUNT of the settings, so a
        second or fourth channel that a file marks as alpha is kept. False if the channels have names.
    """

    name: str
    class_names: tuple
    configs: dict
    open_dataset: Callable
    synthetic: Callable
    backbones: dict = field(default_factory=dict)
    fit_settings: Callable | None = None
    augmentation: Callable | None = None
    counts_channels: bool = False
    next_step: str = "mrcnn predict --weights RUN --out found IMAGES"
    find_classes: Callable | None = None
    reads_annotations: bool = False

    def with_backbone(self, config):
        """The config, with a BACKBONE that names a function of the domain or the package replaced by that function."""
        known = {**CALLABLES, **self.backbones}
        if isinstance(config.BACKBONE, str) and config.BACKBONE in known:
            config.BACKBONE, config.COMPUTE_BACKBONE_SHAPE = known[config.BACKBONE]
        elif isinstance(config.BACKBONE, str):
            config.COMPUTE_BACKBONE_SHAPE = None
        return config
