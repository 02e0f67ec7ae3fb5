"""Command-line options of the demonstration. Nothing here imports Keras or NumPy."""

from mrcnn.options.arguments import base_parser
from mrcnn.options.option_values import whole_number

EPOCHS = 16
OWN_FOLDERS = ("run", "unseen", "parts")  # in --out, replaced by each demonstration
_EXIT_CODES = (
    "exit codes: 0 the score was reached, 1 it was not reached, 2 an error occurred, 130 interrupted with Ctrl+C"
)


def demo_parser(description):
    """Options of `mrcnn.commands.demo.demo`."""
    parser = base_parser(description, _EXIT_CODES, default=None)
    parser.add_argument(
        "--out",
        default="demo_output",
        metavar="DIR",
        help=f"folder for the results (default: demo_output); its subfolders "
        f"{', '.join(OWN_FOLDERS[:-1])} and {OWN_FOLDERS[-1]} are replaced",
    )
    parser.add_argument(
        "--epochs",
        type=whole_number,
        default=EPOCHS,
        metavar="N",
        help=f"number of training epochs (default: {EPOCHS})",
    )
    parser.add_argument(
        "--set", action="append", metavar="NAME=VALUE", help="change any setting of Config; may be repeated"
    )
    return parser
