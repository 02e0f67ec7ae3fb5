"""The options --keep-rows and --downscale: as given, otherwise as in the training of the run."""

from pathlib import Path

from mrcnn.commands.settings import OPTIONS_FILE
from mrcnn.data.prepared import Preparation, PreparedDataset
from mrcnn.errors import ConfigError
from mrcnn.files import read_json
from mrcnn.training.checkpoints import resolve_weights

NAMES = ("keep_rows", "downscale")
ALL_ROWS = "all"


def preparation(options):
    """The `Preparation` that options ask for; `keep_rows` may be "all"."""
    rows = options.get("keep_rows")
    return Preparation(None if rows in (None, ALL_ROWS) else tuple(rows), options.get("downscale") or 1)


def with_recorded(options):
    """The options of a prediction or evaluation, with the preparation used in training where none is given.

    Raises
    ------
    ConfigError
        The record next to the weights cannot be read.
    """
    missing = [name for name in NAMES if options.get(name) is None]
    recorded = _record(options["weights"]) if missing else {}
    taken = {name: recorded[name] for name in missing if recorded.get(name) is not None}
    if taken and preparation(taken):
        print(f"Images are prepared as in training: {preparation(taken)} (--keep-rows and --downscale override this).")
    return {**options, **taken}


def prepared(dataset, options):
    """The data set, with its images prepared as the options require."""
    chosen = preparation(options)
    return PreparedDataset(dataset, chosen.keep_rows, chosen.downscale) if chosen else dataset


def _record(weights):
    # Missing weights are reported when they are loaded.
    path = Path(weights)
    record = (resolve_weights(path) if path.exists() else path).with_name(OPTIONS_FILE)
    if not record.is_file():
        return {}
    try:
        return read_json(record)
    except ValueError as error:
        raise ConfigError(
            f"{record}: cannot be read ({error}), so it is unknown how the training images were prepared. Give "
            "--keep-rows and --downscale."
        ) from error
