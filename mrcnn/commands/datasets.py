"""Open the data sets that the options name: for training, validation and evaluation."""

import inspect
import sys

from mrcnn.commands.preparation import NAMES, prepared
from mrcnn.commands.settings import class_names, new_config
from mrcnn.commands.training_room import make_room
from mrcnn.config_checks import check_class_order
from mrcnn.data.class_lists import check_same_classes, same_classes
from mrcnn.data.split import split
from mrcnn.errors import ConfigError, DataError
from mrcnn.images.folders import left_out_files, left_out_sentence
from mrcnn.options.arguments import FAILED
from mrcnn.options.training_options import absolute

# Slices on each side of a validation block that are not used, because neighbouring slices look alike.
GAP_SLICES = 2
READING = ("classes", "class_map", "difficult")  # options for reading annotations, as the readers take them


def training_data(domain, options, seed=0, channels=None):
    """The data sets for training and validation (None: no validation).

    Parameters
    ----------
    domain : Domain
    options : TrainingOptions
        Defaults included.
    seed : int
        Seed of the split.
    channels : int, optional
        IMAGE_CHANNEL_COUNT of the settings; --dataset-option channels=N takes precedence.

    Returns
    -------
    train, validation : Dataset
    """
    if not 0 <= options.validation < 1:
        raise ConfigError(f"--validation must be a fraction from 0 to 1, such as 0.2, not {options.validation:g}.")
    if not options.dataset:
        _refuse_without_dataset(
            options.given(), "truth", "slices", "validation_dataset", "validation_slices", "dataset_option", *NAMES
        )
        print(
            "No --dataset given: training on synthetic images. This is a demonstration only; a model for real images "
            "needs real training data."
        )
        return domain.synthetic("train"), domain.synthetic("validation") if options.validation else None
    given = options.given()
    train = _open(domain, given, options.dataset, options.truth, options.slices, channels)
    if options.validation_dataset:
        return train, _open(
            domain,
            given,
            options.validation_dataset,
            options.validation_truth,
            options.validation_slices,
            channels,
            classes_of(domain, train),
        )
    if options.validation_slices:
        if not options.slices:
            raise ConfigError(
                "--validation-slices without --slices: also give the slices for training, so that none is in both."
            )
        (first, end), (other, other_end) = options.slices, options.validation_slices
        if first < other_end and other < end:
            raise ConfigError(
                f"--slices {first}:{end} and --validation-slices {other}:{other_end} overlap. Use disjoint ranges."
            )
        same = options.dataset, options.truth, options.validation_slices, channels
        return train, _open(domain, given, *same, classes_of(domain, train))
    if not options.validation:
        return train, None
    kept, held_out = split(train, seed=seed, validation=options.validation, gap=GAP_SLICES)
    left_out = len(train.image_ids) - len(kept) - len(held_out)
    if left_out:
        print(f"{left_out} slices next to the validation slices are not used, because they look nearly the same.")
    return train.subset(kept), train.subset(held_out)


def classes_of(domain, train):
    """Options of the reader that give a validation set the class ids of the training set, where it takes `classes`."""
    names = list(train.class_names[1:])
    if len(names) < 2 or "classes" not in inspect.signature(domain.open_dataset).parameters:
        return None
    return {"classes": names}


def fitted_data(domain, options, stored=None):
    """The settings of a training and its data sets, whose images have the number of channels of the settings.

    Parameters
    ----------
    domain : Domain
    options : TrainingOptions
        Defaults included.
    stored : Config, optional
        Settings of an interrupted run, which are taken as they are.

    Returns
    -------
    config : Config
    train, validation : Dataset
        As from `training_data`.

    Raises
    ------
    ConfigError
        A class has another id in one of them than in another, or in CLASS_NAMES.
    """
    settings = stored or new_config(domain, options)
    data = training_data(domain, options, settings.SEED, settings.IMAGE_CHANNEL_COUNT)
    config = stored or new_config(domain, options, data[0])
    if domain.counts_channels and config.IMAGE_CHANNEL_COUNT != settings.IMAGE_CHANNEL_COUNT:
        # The settings were fitted to the images, which were opened with the channels of the preset.
        data = training_data(domain, options, settings.SEED, config.IMAGE_CHANNEL_COUNT)
    if config.CLASS_NAMES:
        check_class_order(config.CLASS_NAMES, data[0].class_names)
    if data[1] is not None:
        check_same_classes(*data)
    if stored is None:
        make_room(config, options, data, int(settings.MAX_GT_INSTANCES))
    return config, *data


def evaluation_data(domain, options, channels=None, defaults=None):
    """The data set for evaluation; without --dataset, the synthetic test set.

    Parameters
    ----------
    domain : Domain
    options : dict
    channels : int, optional
        As in `training_data`.
    defaults : dict, optional
        Options of the reader, unless they are given.

    Returns
    -------
    Dataset
    """
    refuse_without_dataset(options)
    if options.get("dataset"):
        paths = options["dataset"], options.get("truth")
        return _open(domain, options, *paths, options.get("slices"), channels, defaults)
    print("No --dataset given: evaluating on synthetic test images, which are never used for training.")
    return domain.synthetic("test")


def model_data(domain, options, config, by_boxes=False):
    """The data set to evaluate a model on, with the class ids of the model.

    A data set that is opened with `classes` gets the names recorded in the run, otherwise those of the domain; the
    option `classes` takes precedence.

    Parameters
    ----------
    domain : Domain
    options : dict
    config : Config
        Of the model.
    by_boxes : bool
        Only boxes are compared, so outlines of annotations are not decoded.

    Returns
    -------
    Dataset

    Raises
    ------
    ConfigError
        The data set has other classes than the model, or options without a data set are given.
    """
    names = class_names(domain, config)
    known, defaults = inspect.signature(domain.open_dataset).parameters, {}
    if names and "classes" in known:
        defaults["classes"] = names[1:]
    if "outlines" in known and (by_boxes or not config.USE_MASK_HEAD):
        defaults["outlines"] = False
    dataset = evaluation_data(domain, options, int(config.IMAGE_CHANNEL_COUNT), defaults)
    config.validate(dataset.class_names)
    given = options.get("classes") or "classes" in dict(options.get("dataset_option") or ())
    if not given and not same_classes(names, dataset.class_names):
        raise ConfigError(
            f"The model has the classes {', '.join(names[1:])}, but the images have "
            f"{', '.join(dataset.class_names[1:])}. "
            + ("Use --classes or --class-map." if options.get("dataset") else "Give images of its classes: --dataset.")
        )
    return dataset


def refuse_without_dataset(options):
    """Raise `ConfigError` if options for reading a data set are given, but none to read."""
    if not options.get("dataset"):
        _refuse_without_dataset(options, "truth", "slices", "dataset_option", "images", *READING, *NAMES)


def _refuse_without_dataset(options, *names):
    given = next((n for n in names if options.get(n)), None)
    if given:
        raise ConfigError(f"--{given.replace('_', '-')} without --dataset: also give the data set that it belongs to.")


def reading(options):
    """The options for reading annotations among those of the command line, as the reader takes them."""
    found = {name: options[name] for name in READING if options.get(name)}
    if options.get("images"):
        found["images"] = absolute(options["images"])
    return found


def _open(domain, options, path, truth, chosen_slices, channels, defaults=None):
    reader_options = {"channels": int(channels)} if domain.counts_channels and channels is not None else {}
    reader_options |= {**(defaults or {}), **reading(options), **dict(options.get("dataset_option") or ())}
    if chosen_slices:
        reader_options["slices"] = tuple(chosen_slices)
    if options.get("pixel_size_nm"):
        reader_options["pixel_size_nm"] = tuple(options["pixel_size_nm"])
    with left_out_files() as unread:
        dataset = domain.open_dataset(path, truth, **reader_options)
    if unread:
        print(left_out_sentence(unread), file=sys.stderr)
    return prepared(dataset, options)


def readable(dataset, limit=None):
    """Ids of the images that can be read with their objects, and the errors of the others.

    Returns
    -------
    ids : list of int
    errors : list of DataError
    """
    ids, errors = [], []
    for image_id in list(dataset.image_ids)[:limit]:
        try:
            shape, objects = dataset.load_image(image_id).shape, dataset.load_instances(image_id)
            if objects.image_shape != shape[:2]:
                rows, columns = objects.image_shape
                raise DataError(
                    dataset.image_reference(image_id),
                    f"the image is {shape[0]} x {shape[1]} pixels, its masks are {rows} x {columns}",
                    "Masks must have the same size as their image",
                )
            ids.append(int(image_id))
        except DataError as error:
            errors.append(error)
    return ids, errors


def judged_images(dataset, options, purpose="evaluated", thing="image"):
    """`readable` for the first `options["limit"]` images; prints the errors, and raises `DataError` if none is left."""
    ids, errors = readable(dataset, options.get("limit"))
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    if not ids:
        raise DataError(
            options.get("dataset"),
            f"contains no {thing} that can be {purpose}",
            "See the messages above, or check the folder",
        )
    return ids, errors


def exit_code(errors, things="images"):
    """0; or 1, with a message on the images that are not included."""
    if errors:
        print(
            f"{len(errors)} {things} could not be read and are not included in these results; see the messages above.",
            file=sys.stderr,
        )
    return FAILED if errors else 0
