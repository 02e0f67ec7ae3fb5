"""Command-line options of the hyperparameter search. Nothing here imports Keras or NumPy."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from mrcnn.options.arguments import base_parser
from mrcnn.options.option_values import positive_number, whole_number
from mrcnn.options.train_arguments import NETWORKS, PRESETS, add_training
from mrcnn.options.training_options import TrainingOptions, with_training

_EXIT_CODES = (
    "exit codes: 0 success, 1 an additional worker failed, 2 failure because of options, data, weights, or a search "
    "file that is locked or damaged, 130 interrupted with Ctrl+C. Repeat the same command to continue an interrupted "
    "search"
)


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """The options of a hyperparameter search.

    Attributes
    ----------
    training : TrainingOptions
        Options of every trial.
    search : tuple of str
        NAME=VALUES as in `mrcnn.search.space.parse_parameter`; empty: learning rate and batch size.
    trials : int
        Total number of trainings, including those of earlier calls.
    search_hours : float
        How long to search from now on; this or `trials` must be given.
    monitor : str
        Score to optimise, a column of history.csv.
    pruner : {"median", "hyperband", "none"}
    workers : int
        Processes on this machine.
    worker : int
        Number of this process among them; 0 is the first, which starts the others and reports.
    out : path
    """

    training: TrainingOptions
    search: tuple[str, ...] = ()
    trials: int | None = None
    search_hours: float | None = None
    monitor: str | None = None
    pruner: str = "median"
    workers: int = 1
    worker: int = 0
    out: str | PathLike = "search"

    @classmethod
    def of(cls, given: Mapping[str, Any], choose: Callable | None = None) -> "SearchOptions":
        """From the options parsed by the parser; see `with_training`."""
        return with_training(cls, given, choose)


def tune_parser(description, networks=NETWORKS, presets=PRESETS, prepares=True, annotations=True):
    """Options of a search script: those that every training has, and those of the search."""
    parser = base_parser(description, _EXIT_CODES)
    add_training(parser, networks, presets, prepares, annotations)
    group = parser.add_argument_group("search")
    group.add_argument(
        "--search",
        action="append",
        metavar="NAME=VALUES",
        help="any setting of Config and the values to try: NAME=2,4,8 a choice, NAME=0.1..0.9 a range, "
        "NAME=1e-5..1e-2:log a range on a logarithmic scale; may be repeated (default: LEARNING_RATE and "
        "IMAGES_PER_GPU)",
    )
    group.add_argument(
        "--trials", type=whole_number, metavar="N", help="total number of trainings, including those of earlier calls"
    )
    group.add_argument(
        "--search-hours",
        type=hours,
        metavar="H",
        help="how long to search from now on, in hours; a training that is still running then is stopped. --trials or "
        "--search-hours must be given",
    )
    group.add_argument(
        "--monitor",
        metavar="NAME",
        help="score to optimise, a column of history.csv (default: the score that selects the best epoch of a "
        "training)",
    )
    group.add_argument(
        "--pruner",
        choices=("median", "hyperband", "none"),
        help="stops trainings that are worse than others after the same number of epochs (default: median)",
    )
    group.add_argument(
        "--workers",
        type=whole_number,
        metavar="N",
        help="number of processes that search in parallel on this machine; with one GPU, leave it at 1 (default: 1)",
    )
    group.add_argument("--worker", type=whole_number, help=argparse.SUPPRESS)  # one of them
    group.add_argument(
        "--out",
        metavar="DIR",
        help="folder for the search and its report: search.db, trials.csv, best.json, history.png, "
        "parallel.png (default: search)",
    )
    return parser


def hours(text):
    """A positive number of hours."""
    return positive_number(text, "is not a duration; write hours, such as 0.5")
