"""Merge fields of the Human Protein Atlas, a grey picture for each of four stains, into one picture a field.

Files are <id>_red.png, _green, _blue and _yellow, or .tif, of 8 or 16 bits. By default RGB: R = red + yellow/2,
G = green + yellow/2, B = blue, cut off at white.
"""

import argparse
import sys

from mrcnn.options.arguments import FAILED, USAGE, run
from mrcnn.options.option_values import whole_number

SHOWN = 20
EXAMPLE = """\
example:
  python merge.py train --out merged

An interrupted command goes on where it stopped; fields of which a channel was changed or added since are merged again.

exit code: 0 all done, 1 some fields failed and the others are done, 2 nothing could be done, 130 interrupted by Ctrl+C
"""


def main(argv=None):
    """Merge the fields; returns the exit code."""
    return run(work, vars(parser().parse_args(argv)))


def parser():
    """The options."""
    result = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("folder", metavar="FOLDER", help="the folder that holds the fields' pictures")
    result.add_argument("--out", required=True, metavar="DIR", help="gets a picture <id> for each field")
    result.add_argument(
        "--mode",
        choices=("rgb", "four"),
        default="rgb",
        help="rgb: PNG, merged by the rule; four: TIFF of four channels, red, green, blue and yellow (default rgb)",
    )
    result.add_argument(
        "--missing",
        choices=("error", "zeros"),
        default="error",
        help="a field without one of its channels: is not merged, or has zeros there (default error)",
    )
    result.add_argument("--workers", type=whole_number, metavar="N", help="threads (default: one for each processor)")
    return result


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from mrcnn.domains.hpa.merge import merge_fields

    done = merge_fields(options["folder"], options["out"], options["mode"], options["missing"], options["workers"])
    kept = f", {done.kept} were there already" if done.kept else ""
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
