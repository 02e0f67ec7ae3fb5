"""Command line options to plot the classes of annotations and to convert them; imports neither Keras nor NumPy."""

from mrcnn.options.arguments import base_parser

_EXIT_CODES = (
    "exit codes: 0 success, 2 nothing could be done (because of options or annotations), 130 interrupted with Ctrl+C"
)


def classes_parser(description):
    """Options of `mrcnn.domains.hpa.commands.annotations.plot_classes_of`."""
    parser = base_parser(description, _EXIT_CODES, default=None)
    parser.add_argument(
        "labels",
        metavar="FILE|DIR",
        help="labels of the fields, a CSV file with the columns Id and Target; or annotations in one of the formats of "
        "the README",
    )
    _add_images(parser)
    parser.add_argument(
        "--out", default="classes.png", metavar="FILE", help="the figure: .png, .pdf or .svg (default: classes.png)"
    )
    return parser


def convert_parser(description):
    """Options of `mrcnn.domains.hpa.commands.annotations.convert`."""
    parser = base_parser(description, _EXIT_CODES, default=None)
    parser.add_argument(
        "annotations", metavar="FILE|DIR", help="a folder of XML files (LabelImg), or another format of the README"
    )
    _add_images(parser, "; paths in the new file are relative to it (default there: the folder of the new file)")
    parser.add_argument(
        "--out",
        default="annot.txt",
        metavar="FILE",
        help="the new file, rows path,x1,y1,x2,y2,class; an existing one is not replaced (default: annot.txt)",
    )
    parser.add_argument("--header", action="store_true", help="begin the file with the names of the columns")
    parser.add_argument(
        "--outside",
        choices=("error", "clip"),
        default="error",
        help="what to do with a box that is partly outside its image (default error)",
    )
    return parser


def _add_images(parser, more=""):
    parser.add_argument(
        "--images",
        metavar="DIR",
        help=f"folder of the images (default: where the format of the annotations has them){more}",
    )
