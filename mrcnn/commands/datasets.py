"""From the options to data sets: what to learn from, to validate on, to evaluate on."""

import sys

from mrcnn.commands.preparation import NAMES, prepared
from mrcnn.data.split import split
from mrcnn.errors import ConfigError, DataError
from mrcnn.options.arguments import FAILED

# Slices beside those to validate on that are not learned from: a slice looks like the next one.
GAP_SLICES = 2


def training_data(domain, options, seed=0, channels=None):
    """The data sets to learn from and to validate on (None: no validation).

    Parameters
    ----------
    domain : Domain
    options : TrainingOptions
        Defaults included.
    seed : int
        Of the split.
    channels : int, optional
        IMAGE_CHANNEL_COUNT of the settings; --dataset-option channels=N goes before it.

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
            "No data set is named: learning from synthetic pictures. They show how it works; a model for real "
            "pictures needs real ones."
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
        )
    if options.validation_slices:
        if not options.slices:
            raise ConfigError(
                "--validation-slices without --slices: say which slices to learn from, so that none is in both."
            )
        (first, end), (other, other_end) = options.slices, options.validation_slices
        if first < other_end and other < end:
            raise ConfigError(
                f"--slices {first}:{end} and --validation-slices {other}:{other_end} share slices: a "
                "model is judged on what it has not seen."
            )
        return train, _open(domain, given, options.dataset, options.truth, options.validation_slices, channels)
    if not options.validation:
        return train, None
    learn, judge = split(train, seed=seed, validation=options.validation, gap=GAP_SLICES)
    left_out = len(train.image_ids) - len(learn) - len(judge)
    if left_out:
        print(f"{left_out} slices next to those to validate on are left out: they show nearly the same.")
    return train.subset(learn), train.subset(judge)


def evaluation_data(domain, options, channels=None):
    """The data set to evaluate on, `channels` as for `training_data`; without --dataset the synthetic test set."""
    if options.get("dataset"):
        return _open(domain, options, options["dataset"], options.get("truth"), options.get("slices"), channels)
    _refuse_without_dataset(options, "truth", "slices", "dataset_option", *NAMES)
    print("No data set is named: evaluating on synthetic pictures that no training sees.")
    return domain.synthetic("test")


def _refuse_without_dataset(options, *names):
    given = next((n for n in names if options.get(n)), None)
    if given:
        raise ConfigError(f"--{given.replace('_', '-')} without --dataset: say what it belongs to.")


def _open(domain, options, path, truth, chosen_slices, channels):
    reader_options = {"channels": int(channels)} if domain.counts_channels and channels is not None else {}
    reader_options |= dict(options.get("dataset_option") or ())
    if chosen_slices:
        reader_options["slices"] = tuple(chosen_slices)
    if options.get("pixel_size_nm"):
        reader_options["pixel_size_nm"] = tuple(options["pixel_size_nm"])
    return prepared(domain.open_dataset(path, truth, **reader_options), options)


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
                    "Masks must have the size of their image",
                )
            ids.append(int(image_id))
        except DataError as error:
            errors.append(error)
    return ids, errors


def judged_images(dataset, options, purpose="evaluated", thing="image"):
    """`readable` of the first `options["limit"]` images, the errors printed; raises `DataError` when none is left."""
    ids, errors = readable(dataset, options.get("limit"))
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    if not ids:
        raise DataError(
            options.get("dataset"),
            f"has no {thing} that can be {purpose}",
            "See the messages above, or check the folder",
        )
    return ids, errors


def exit_code(errors, things="images"):
    """0, or 1 with a word on the images that are not in the figures."""
    if errors:
        print(
            f"{len(errors)} {things} could not be read and are not in these figures; the messages above say why.",
            file=sys.stderr,
        )
    return FAILED if errors else 0
