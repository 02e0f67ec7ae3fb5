"""Compare trained models (Faster R-CNN or Mask R-CNN) on the same images: a table, and images next to ground truth."""

import sys

from mrcnn.domains.hpa.commands.arguments import compare_parser
from mrcnn.options.arguments import run


def main(argv=None):
    """Compare; returns the exit code."""
    return run(work, vars(compare_parser(__doc__).parse_args(argv)))


def work(options):
    """Run the comparison; heavy modules are imported only after the options were checked."""
    from hpa_cells import DOMAIN

    from mrcnn.commands.comparison import compare

    return compare(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
