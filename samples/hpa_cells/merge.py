"""Merge the four grey images (one per stain) of each Human Protein Atlas field into a single image.

The files are <id>_red.png, _green, _blue and _yellow, or .tif, with 8 or 16 bits. The default is RGB:
R = red + yellow/2, G = green + yellow/2, B = blue, clipped at white.
"""

import sys

from mrcnn.domains.hpa.commands.merge_arguments import merge_parser
from mrcnn.options.arguments import run


def main(argv=None):
    """Merge the fields; returns the exit code."""
    return run(work, vars(merge_parser(__doc__).parse_args(argv)))


def work(options):
    """Run the merge; heavy modules are imported only after the options were checked."""
    from mrcnn.domains.hpa.commands.merge import merge

    return merge(options)


if __name__ == "__main__":
    sys.exit(main())
