"""Command-line options of the report on an installation. Nothing here imports Keras or NumPy."""

from mrcnn.options.arguments import base_parser

_EXIT_CODES = "exit codes: 0 everything that is needed works, 1 something needed is missing or broken"


def doctor_parser(description):
    """Options of `mrcnn.commands.doctor.doctor`."""
    parser = base_parser(description, _EXIT_CODES, default=None)
    parser.add_argument("--json", action="store_true", help="print the report as JSON, for programs")
    parser.add_argument(
        "--no-check",
        action="store_true",
        help="do not run a tiny network on a synthetic image, which takes a few seconds",
    )
    return parser
