"""Settings of a model: from the options for a new training, from the files next to its weights for a trained one."""

from pathlib import Path

from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.errors import ConfigError
from mrcnn.files import read_json
from mrcnn.training.checkpoints import read_state, resolve_weights

OPTIONS_FILE = "training.json"  # the options of a run, in its folder
TILES = 4  # tiles of an image that a semantic network processes together


def new_config(domain, options, dataset=None):
    """The `Config` of a new training.

    Parameters
    ----------
    domain : Domain
    options : TrainingOptions
        With `size`. Without `model`, the settings file decides; without either, the model is a Mask R-CNN.
    dataset : Dataset, optional
        The training images, for the settings that depend on them.

    Returns
    -------
    Config
    """
    if options.config:
        config = domain.configs["full"].from_json(options.config)
        if options.model:
            config.SEMANTIC_MODEL = semantic_name(options.model)
    else:
        config = _fresh_config(domain, options)
        if options.weights == "none" and isinstance(options.backbone or config.BACKBONE, str):
            # Freezing keeps the statistics of pretrained batch normalisation; random weights have none worth keeping.
            config.TRAIN_BN = None
        if domain.fit_settings and dataset is not None:
            domain.fit_settings(config, dataset)
    return changed(domain, config, options.given())


def semantic_name(model):
    """SEMANTIC_MODEL for the option `model`: None for a Mask R-CNN."""
    return None if model in (None, "mask") else model


def _fresh_config(domain, options):
    name = semantic_name(options.model)
    if name is None:
        return domain.configs[options.size]()
    if "semantic" not in domain.configs:
        raise ConfigError(
            f"There are no settings of semantic networks for {domain.name}: leave out --network {name}, or "
            "give settings with --config."
        )
    if options.size not in (None, "semantic"):
        raise ConfigError(
            f"--preset {options.size} is a size of Mask R-CNN: leave it out with --network {name}, or change "
            "SEMANTIC_DECODER with --set."
        )
    config = domain.configs["semantic"]()
    config.SEMANTIC_MODEL = name
    return config


def changed(domain, config, options):
    """The config with the changes that the options make; `--set` is applied last."""
    for name, setting in (
        ("backbone", "BACKBONE"),
        ("steps", "STEPS_PER_EPOCH"),
        ("batch", "IMAGES_PER_GPU"),
        ("seed", "SEED"),
        ("pixel_size_nm", "PIXEL_SIZE_NM"),
        ("min_score", "DETECTION_MIN_CONFIDENCE"),
    ):
        if options.get(name) is not None:
            setattr(config, setting, options[name])
    for assignment in options.get("set") or ():
        config.set_from_text(assignment)
    return domain.with_backbone(config)


def new_model(mode, config, folder):
    """The model for these settings, `MaskRCNN` or `SemanticSegmenter`, with random weights."""
    if config.SEMANTIC_MODEL:
        from mrcnn.engine.segmenter import SemanticSegmenter

        return SemanticSegmenter(mode, config, folder)
    return MaskRCNN(mode, config, folder)


def load_detector(domain, options):
    """A trained model, ready to detect.

    Parameters
    ----------
    domain : Domain
    options : dict
        `weights`, and optionally `config`, `min_score`, `set`, `flips`.

    Returns
    -------
    MaskRCNN or SemanticSegmenter

    Raises
    ------
    ConfigError, WeightsError
        The weights do not exist, or their settings are unknown.
    """
    path, config = resolve_weights(options["weights"]), recorded_config(domain, options)
    config.GPU_COUNT, config.IMAGES_PER_GPU = 1, TILES if config.SEMANTIC_MODEL else 1
    if options.get("flips") and not (config.SEMANTIC_MODEL or config.USE_MASK_HEAD):
        raise ConfigError(f"--flips averages masks, but {path} is a Faster R-CNN: leave it out.")
    detector = new_model("inference", config, path.parent)
    detector.load_weights(path)
    if options.get("flips"):
        detector.flips = True
    return detector


def _stored_config(domain, path, given):
    base = domain.configs["full"]
    beside = Path(given) if given else path.with_name("config.json")
    if given or beside.is_file():
        return _read_as_taught(base.from_json(beside), read_json(beside))
    state = read_state(path) if path.suffix != ".npz" else None
    if state is None:
        raise ConfigError(
            f"{path}: contains weights, but not their settings. Give these with --config FILE.json (the config.json "
            "of the run), or give the run's folder."
        )
    return _read_as_taught(base.from_dict(state.config), state.config)


def _read_as_taught(config, values):
    """The config of a run, for prediction; of one that knows no MASK_GEOMETRY, masks are read as they were taught.

    (`mrcnn.MaskRCNN` with such a config reads them as the original does, which makes them smaller.)
    """
    if "MASK_GEOMETRY" not in values and config.MASK_GEOMETRY == "matterport":
        config.MASK_GEOMETRY = "area"
    return config


def recorded_config(domain, options):
    """The `Config` of a trained model, with the changes that the options make; its weights are not loaded.

    Takes the options of `load_detector`, and raises the same errors.
    """
    path = resolve_weights(options["weights"])
    return changed(domain, _stored_config(domain, path, options.get("config")), options)


def class_names(domain, config):
    """Names by class id, background first: those recorded by the training (CLASS_NAMES), otherwise those of the domain.

    None (ids are shown) if the number of neither is NUM_CLASSES.
    """
    for names in (getattr(config, "CLASS_NAMES", None) or (), domain.class_names):
        if len(names) == config.NUM_CLASSES:
            return list(names)
    return None
