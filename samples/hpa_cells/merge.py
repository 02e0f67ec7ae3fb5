"""Merge the four grey images (one per stain) of each Human Protein Atlas field into a single image.

The files are <id>_red.png, _green, _blue and _yellow, or .tif, with 8 or 16 bits. The default is RGB:
R = red + yellow/2, G = green + yellow/2, B = blue, clipped at white.
"""

import argparse
import sys

from mrcnn.options.arguments import FAILED, USAGE, run
from mrcnn.options.option_values import whole_number

SHOWN = 20
EXAMPLE = """\
example:
  python merge.py train --out merged

Repeat the command to resume after an interruption. Fields with a changed or added channel are merged again.

exit codes: 0 success, 1 some fields failed and the others were merged, 2 nothing could be done, 130 interrupted with
Ctrl+C
"""


def main(argv=None):
    """Merge the fields; returns the exit code."""
    return run(work, vars(parser().parse_args(argv)))


def parser():
    """Command line parser."""
    result = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("folder", metavar="FOLDER", help="folder with the images of the fields")
    result.add_argument("--out", required=True, metavar="DIR", help="output folder, one image <id> per field")
    result.add_argument(
        "--mode",
        choices=("rgb", "four"),
        default="rgb",
        help="rgb: PNG, merged as described above; four: TIFF with four channels, red, green, blue and yellow "
        "(default rgb)",
    )
    result.add_argument(
        "--missing",
        choices=("error", "zeros"),
        default="error",
        help="how to treat a field that lacks a channel. error: do not merge it; zeros: fill the channel with zeros "
        "(default error)",
    )
    result.add_argument(
        "--workers", type=whole_number, metavar="N", help="number of threads (default: one per processor)"
    )
    return result


def work(options):
    """Run the merge; heavy modules are imported only after the options were checked."""
    from mrcnn.domains.hpa.merge import merge_fields

    done = merge_fields(options["folder"], options["out"], options["mode"], options["missing"], options["workers"])
    kept = f", {done.kept} were already up to date" if done.kept else ""
    print(f"{done.written} fields merged into {options['out']}{kept}")
    for error in done.errors[:SHOWN]:
        print(f"failed: {error}", file=sys.stderr)
    if len(done.errors) > SHOWN:
        print(f"failed: {len(done.errors) - SHOWN} more fields", file=sys.stderr)
    if not done.errors:
        return 0
    return FAILED if done.written or done.kept else USAGE


if __name__ == "__main__":
    sys.exit(main())
