"""Train a model, or resume an interrupted run: settings, data, weights and stages from the options."""

from dataclasses import replace
from pathlib import Path

from mrcnn.commands.datasets import fitted_data
from mrcnn.commands.domain import Domain
from mrcnn.commands.settings import OPTIONS_FILE, changed, new_model, semantic_name
from mrcnn.commands.training_scale import at_learnt_size
from mrcnn.data.augment import FlipLR, FlipUD, Rot90, micrograph_augmentation
from mrcnn.data.split import evenly_spread
from mrcnn.errors import ConfigError
from mrcnn.files import read_json, write_json
from mrcnn.hardware import has_gpu
from mrcnn.options.training_options import TrainingOptions, split_options
from mrcnn.training.checkpoints import BEST, run_checkpoints
from mrcnn.training.recipes import MASK_RCNN
from mrcnn.training.run import check_call, has_images
from mrcnn.training.stages import select_layers

WATERSHED_IMAGES = 10  # validation images for choosing the settings of the watershed


def train(domain: Domain, given: TrainingOptions) -> int:
    """Train according to the options, and return the exit code; see `mrcnn.options.arguments.train_parser`."""
    given = given.absolute()
    if given.epochs and given.hours:
        raise ConfigError("--epochs and --hours: give one of them, not both.")
    options = given.with_defaults()
    run = last_run(options.logs) if options.resume else None
    if options.resume and run is None:
        print(f"There is no run in {options.logs} to resume: starting a new one.")
    if run is not None:
        options = given.over(_kept_options(run)).with_defaults()
    if given.epochs:
        options = replace(options, hours=None)
    options = with_size(options)
    stored = None if run is None else _stored_config(domain, run, given)
    config, train_data, validation_data = fitted_data(domain, options, stored)
    train_data, validation_data = at_learnt_size(config, options, train_data, validation_data, stored is not None)
    detector = _started(config, options) if run is None else _resumed(config, run, options)
    stages = plan(options, config)
    left = [stage for stage in stages if stage[2] is None or stage[2] > detector.epoch]
    if not left:
        print(
            f"All {stages[-1][2]} epochs of {detector.log_dir} are done: nothing is left to train. "
            "To train longer, give a larger --epochs."
        )
        if config.SEMANTIC_MODEL and has_images(validation_data) and lacks_watershed(detector.log_dir):
            keep_watershed(detector, validation_data)
        return 0
    # Checked before the folder exists: --resume must not pick up a start that failed.
    hours = options.hours
    for layers, learning_rate, epochs in left:
        check_call(config, train_data, validation_data, learning_rate, epochs, hours, recipe_of(config))
        select_layers(detector.keras_model, layers)
    _keep_options(detector.log_dir, options)
    augmentation = (domain.augmentation or augmentation_of)(options.augmentation)
    for layers, learning_rate, epochs in left:
        limit = {"epochs": epochs} if hours is None else {"hours": hours}
        detector.train(train_data, validation_data, learning_rate, layers=layers, augmentation=augmentation, **limit)
    if config.SEMANTIC_MODEL and has_images(validation_data):
        keep_watershed(detector, validation_data)
    print(
        f"Done. The run is in {detector.log_dir}: best.h5, config.json, history.csv, curves.png.\n"
        f"Next: {domain.next_step.replace('RUN', str(detector.log_dir), 1)}"
    )
    return 0


def options_of_many(given: TrainingOptions) -> TrainingOptions:
    """All options of a script that trains repeatedly, each time in a separate folder.

    Raises
    ------
    ConfigError
        ``--weights last``: such a script has no folder of runs to take the last one from.
    """
    if given.weights == "last":
        raise ConfigError("--weights last is the last run in --logs of a training. Give that run's folder instead.")
    return with_size(given.absolute().with_defaults())


def recipe_of(config):
    """The `Recipe` of the model with these settings."""
    if not config.SEMANTIC_MODEL:
        return MASK_RCNN
    from mrcnn.training.semantic import SEMANTIC

    return SEMANTIC


def keep_watershed(segmenter, validation_data, limit=WATERSHED_IMAGES):
    """Choose the watershed settings that find the objects in the validation images best, and store them in the run.

    Up to `limit` images, evenly spread, are predicted with the run's best weights.
    """
    from mrcnn.search.tune_watershed import tune_watershed

    segmenter.load_weights(segmenter.log_dir, verbose=0)
    chosen = evenly_spread(range(len(validation_data.image_ids)), limit)
    truths = [validation_data.load_instances(i) for i in chosen]
    if not any(map(len, truths)):
        print("The validation images contain no objects: the watershed keeps its settings.")
        return
    print(f"Choosing watershed settings on {len(chosen)} validation images.")
    found = (segmenter.predict_probability(validation_data.load_image(i)) for i in chosen)
    segmenter.save_watershed(tune_watershed(found, truths))
    settings = ", ".join(f"{n} {v}" for n, v in segmenter.watershed.to_dict().items())
    print(f"  {settings}, stored in watershed.json of the run")


def lacks_watershed(run):
    """Whether a run was stopped before the watershed of its best weights was chosen."""
    from mrcnn.engine.segmenter import WATERSHED_FILE

    best, kept = Path(run) / BEST, Path(run) / WATERSHED_FILE
    return not kept.is_file() or best.is_file() and kept.stat().st_mtime_ns < best.stat().st_mtime_ns


def augmentation_of(name):
    """The augmentation that `--augmentation` names; None for "none"."""
    if name in ("none", "flips"):
        return None if name == "none" else [FlipLR(), FlipUD(), Rot90()]
    return micrograph_augmentation(name)


def plan(options, config):
    """The stages of a training: [(layers, learning rate, total epochs at its end, or None if --hours ends it)].

    A semantic network is trained in one stage, and so is a Mask R-CNN with random weights. Loaded weights are
    protected: the heads are trained first, then all layers at a tenth of the rate, as in Matterport's samples.
    """
    epochs, loaded, given = options.epochs, options.weights != "none", options.learning_rate
    rate = config.LEARNING_RATE if given is None else given
    layers = options.layers
    if config.SEMANTIC_MODEL:
        return [(layers or "all", rate, None if options.hours else epochs)]
    if options.hours:
        raise ConfigError("--hours is for --network unet and fcn: use --epochs for a Mask R-CNN.")
    if layers:
        return [(layers, rate / 10 if loaded and given is None and layers != "heads" else rate, epochs)]
    if not loaded:
        return [("all", rate, epochs)]
    heads = max(1, epochs // 4)
    return [("heads", rate, heads), ("all", rate / 10, epochs)][: 1 if epochs == heads else 2]


def with_size(options: TrainingOptions) -> TrainingOptions:
    """The options, with the size of the domain's settings if none is given."""
    if options.size is not None:
        return options
    if semantic_name(options.model):
        return replace(options, size="semantic")
    if not options.dataset:
        return replace(options, size="demo")
    return replace(options, size="full" if has_gpu() else "small")


def _started(config, options):
    detector = new_model("training", config, options.logs)
    load_start(detector, options)
    # The name of a run is precise to the minute: two runs of the same minute must not overwrite each other.
    detector.set_log_dir()
    folder, number = detector.log_dir, 2
    while detector.log_dir.exists():
        detector.log_dir, number = folder.with_name(f"{folder.name}_{number}"), number + 1
    return detector


def load_start(detector, options):
    """Load the weights that `--weights` names into a model that is about to be trained."""
    weights, exclude = options.weights, options.exclude
    if weights == "none":
        if exclude:
            raise ConfigError("--exclude without --weights: also give the weight file that it belongs to.")
        print("Starting from random weights (--weights none).")
    elif weights in ("imagenet", "coco"):
        from mrcnn.weights.pretrained import load_coco, load_imagenet

        (load_imagenet if weights == "imagenet" else load_coco)(detector, exclude or ())
    else:
        path = detector.find_last() if weights == "last" else weights
        detector.load_weights(path, by_name=True, exclude=exclude)


def last_run(logs):
    """Folder of the run in `logs` that was last started or written to, or None."""
    logs = Path(logs)
    runs = [
        (max(p.stat().st_mtime_ns for p in files), folder)
        for folder in (logs.iterdir() if logs.is_dir() else ())
        if folder.is_dir() and (files := [*_states(folder), *folder.glob(OPTIONS_FILE)])
    ]
    return max(runs)[1] if runs else None


def _states(folder):
    return [*run_checkpoints(folder), *folder.glob("interrupted.h5")]


def _stored_config(domain, run, given):
    """The settings of an interrupted run, or None if it was stopped before it wrote them."""
    path = run / "config.json"
    if not path.is_file():
        return None
    stored = domain.configs["full"].from_json(path)
    before = network_of(stored)
    config = changed(domain, stored, given.given())
    asked = before if given.model is None else semantic_name(given.model) or _network_without_semantics(config)
    if asked != before:
        raise ConfigError(
            f"--network {asked}: the run to resume, {run}, is of another kind ({before}). Leave --network out to "
            "continue it, or start a new run without --resume."
        )
    return config


def network_of(config):
    """The kind of network as --network names it: "mask", "faster", "unet" or "fcn"."""
    return config.SEMANTIC_MODEL or _network_without_semantics(config)


def _network_without_semantics(config):
    return "mask" if config.USE_MASK_HEAD else "faster"


def _resumed(config, run, options):
    """The model of an interrupted run, as its last checkpoint left it; at the beginning if there is none yet."""
    detector = new_model("training", config, run.parent)
    if not _states(run):
        print(f"{run} was stopped before its first checkpoint: starting it again.")
        load_start(detector, options)
        detector.epoch, detector.log_dir = 0, run
        return detector
    detector.resume(run)
    print(f"Resuming {run} after {detector.epoch} epochs.")
    return detector


def _keep_options(folder, options):
    write_json(folder / OPTIONS_FILE, options.to_dict())


def _kept_options(folder):
    path = folder / OPTIONS_FILE
    if not path.is_file():
        return TrainingOptions()
    try:
        kept, unknown = split_options(read_json(path))
    except (ValueError, AttributeError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}). Remove it, and repeat the options of the run together with --resume."
        ) from error
    if unknown:
        print(f"{path} contains options that this version does not know; they are ignored: {', '.join(unknown)}.")
    return kept
