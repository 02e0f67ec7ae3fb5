"""Command line options to exchange tissue and magnet; imports neither Keras nor NumPy."""

from mrcnn.options.arguments import base_parser


def swap_parser(description):
    """Options of `mrcnn.domains.wafer.commands.swap.swap`."""
    parser = base_parser(
        description,
        "exit codes: 0 success, 2 nothing could be done (because of options or labels), 130 interrupted with Ctrl+C",
        default=None,
    )
    parser.add_argument(
        "labels",
        metavar="FILE|DIR",
        help="labelme JSON; one of two corner files, *tissue*.txt and *mag*.txt; or a folder of patches",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE|DIR",
        help="the new JSON file, or the folder for the new corner files or patches; nothing is replaced, and the "
        "originals stay as they are",
    )
    return parser
