"""Merge the stains of the fields in a folder as the options ask for."""

import sys

from mrcnn.domains.hpa.merge import merge_fields
from mrcnn.images.folders import left_out_files, left_out_sentence
from mrcnn.options.arguments import FAILED, USAGE

_SHOWN = 20  # errors that are printed
_NAMES = "only names such as <id>_red.png, _green.png, _blue.png, _yellow.png, or .tif, are those of a stain"


def merge(options):
    """Merge the fields; options of `mrcnn.domains.hpa.commands.merge_arguments.merge_parser`.

    Parameters
    ----------
    options : dict

    Returns
    -------
    int
        Exit code: 1 if some fields failed and the others were merged, 2 if every field failed.
    """
    with left_out_files() as unread:
        done = merge_fields(options["folder"], options["out"], options["mode"], options["missing"], options["workers"])
    if unread:
        print(left_out_sentence(unread, _NAMES), file=sys.stderr)
    kept = f", {done.kept} were already up to date" if done.kept else ""
    print(f"{done.written} fields merged into {options['out']}{kept}")
    for error in done.errors[:_SHOWN]:
        print(f"failed: {error}", file=sys.stderr)
    if len(done.errors) > _SHOWN:
        print(f"failed: {len(done.errors) - _SHOWN} more fields", file=sys.stderr)
    if not done.errors:
        return 0
    return FAILED if done.written or done.kept else USAGE
