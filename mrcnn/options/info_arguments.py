"""Command-line options that describe runs, weights, images and data sets. Nothing here imports Keras or NumPy."""

from mrcnn.options.arguments import EXIT_CODES, base_parser
from mrcnn.options.option_values import whole_number


def info_parser(description):
    """Options of `mrcnn.commands.info.info`."""
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="folder of a run, weight file, settings file, image, TIFF stack, annotation file, or folder of a data set",
    )
    parser.add_argument(
        "--limit",
        type=whole_number,
        default=100,
        metavar="N",
        help="measure the objects in at most N images of a data set, evenly spread over it (default: 100)",
    )
    parser.add_argument("--json", action="store_true", help="print the descriptions as JSON, for programs")
    return parser
