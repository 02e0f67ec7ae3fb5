"""The options of a search of settings. Nothing here imports Keras or NumPy, as in `mrcnn.options.arguments`."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from mrcnn.options.arguments import add_training, base_parser
from mrcnn.options.option_values import positive_number, whole_number
from mrcnn.options.training_options import TrainingOptions, split_options

_EXIT_CODES = (
    "exit code: 0 done, 1 a further worker failed, 2 nothing could be done (options, data, weights, a "
    "search file that is locked or damaged), 130 interrupted by Ctrl+C. The same command goes on with a "
    "search that was interrupted"
)


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """The options of a search of settings.

    Attributes
    ----------
    training : TrainingOptions
        Of every trial.
    search : tuple of str
        NAME=VALUES as in `mrcnn.search.space.parse_parameter`; empty: learning rate and batch size.
    trials : int
        Trainings in total, those of earlier calls included.
    search_hours : float
        How long to search from now on; this or `trials` must be given.
    monitor : str
        Score of an epoch to search by, a column of history.csv.
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
    def of(cls, given: Mapping[str, Any]) -> "SearchOptions":
        """From what `tune_parser` parsed."""
        training, own = split_options(given)
        return cls(training=training, **own)


def tune_parser(description, prepares=False, semantic=False):
    """Options of a search script: those of a training but the learning rate and the run, and what to search."""
    parser = base_parser(description, _EXIT_CODES)
    add_training(parser, prepares, semantic)
    group = parser.add_argument_group("search")
    group.add_argument(
        "--search",
        action="append",
        metavar="NAME=VALUES",
        help="any setting of Config and what to try: NAME=2,4,8 a choice, NAME=0.1..0.9 a range, "
        "NAME=1e-5..1e-2:log a range of magnitudes; may be repeated (default: LEARNING_RATE and "
        "IMAGES_PER_GPU)",
    )
    group.add_argument(
        "--trials", type=whole_number, metavar="N", help="trainings in all, those of earlier calls included"
    )
    group.add_argument(
        "--search-hours",
        type=hours,
        metavar="H",
        help="how long to search from now on; a training that runs then is ended. One of the two must be given",
    )
    group.add_argument(
        "--monitor",
        metavar="NAME",
        help="score of an epoch to search by, a column of history.csv (default: what decides which "
        "epoch of a training is best)",
    )
    group.add_argument(
        "--pruner",
        choices=("median", "hyperband", "none"),
        help="ends trainings that are worse than others after as many epochs (default median)",
    )
    group.add_argument(
        "--workers",
        type=whole_number,
        metavar="N",
        help="processes that search together on this machine; on one GPU leave it at 1 (default 1)",
    )
    group.add_argument("--worker", type=whole_number, help=argparse.SUPPRESS)  # one of them
    group.add_argument(
        "--out",
        metavar="DIR",
        help="where the search is kept and reported: search.db, trials.csv, best.json, history.png, "
        "parallel.png (default search)",
    )
    return parser


def hours(text):
    """A positive number."""
    return positive_number(text, "is no time; write hours, such as 0.5")
