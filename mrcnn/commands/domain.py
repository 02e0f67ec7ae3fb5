"""`Domain`: what a sample tells the shared scripts about its objects, settings and data."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mrcnn.nets.backbones import CALLABLES


@dataclass(frozen=True)
class Domain:
    """One kind of objects to find.

    Attributes
    ----------
    name : str
        For sentences: "mitochondria".
    class_names : tuple of str
        By class id, background first.
    configs : dict of str to type
        Subclasses of `Config`: "full" for GPUs, "small" for CPUs, "demo" for the synthetic pictures,
        and where there is one "semantic", a `SemanticConfig` for U-Net and FCN.
    open_dataset : callable
        (path, truth=None, **options) -> Dataset, as `mrcnn.data.readers.open.open_dataset`.
    synthetic : callable
        "train", "validation" or "test" -> Dataset; the three share no picture.
    backbones : dict of str to (callable, callable)
        Further networks, beside those of `mrcnn.nets.backbones`, by their function's name: BACKBONE and
        COMPUTE_BACKBONE_SHAPE. A settings file stores the name, by which the function is found again.
    fit_settings : callable, optional
        (config, dataset) -> None: settings that the pictures to learn from decide, such as the mean pixel. Called when
        a training starts whose settings do not come from a file.
    augmentation : callable, optional
        Name given to --augmentation -> augmentation; None: the one for micrographs.
    counts_channels : bool
        Whether `open_dataset` takes `channels`, a number: it is then given IMAGE_CHANNEL_COUNT of the settings, so that
        a second or fourth channel is kept that a file calls alpha. False where the channels have names.
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

    def with_backbone(self, config):
        """The config, with a BACKBONE that names a function of the domain or the package replaced by that function."""
        known = {**CALLABLES, **self.backbones}
        if isinstance(config.BACKBONE, str) and config.BACKBONE in known:
            config.BACKBONE, config.COMPUTE_BACKBONE_SHAPE = known[config.BACKBONE]
        elif isinstance(config.BACKBONE, str):
            config.COMPUTE_BACKBONE_SHAPE = None
        return config
