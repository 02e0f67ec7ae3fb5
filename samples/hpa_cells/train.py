"""Train Faster R-CNN or Mask R-CNN on boxes drawn in any tool; without --annotations, on synthetic cells."""

import sys

from mrcnn.domains.hpa.commands.arguments import train_parser
from mrcnn.options.arguments import run


def main(argv=None):
    """Train; returns the exit code."""
    return run(work, vars(train_parser(__doc__).parse_args(argv)))


def work(options):
    """Run the training; heavy modules are imported only after the options were checked."""
    from hpa_cells import DOMAIN

    from mrcnn.commands.own_objects import train

    return train(options, DOMAIN)


if __name__ == "__main__":
    sys.exit(main())
