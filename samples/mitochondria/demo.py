"""The whole workflow in minutes: draw synthetic micrographs, train, detect in unseen ones, measure, evaluate."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.demo_arguments import demo_parser


def main(argv=None):
    """Run the demonstration; returns the exit code, 1 when the score is below the goal."""
    return run(work, vars(demo_parser(__doc__).parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from mitochondria import DOMAIN

    from mrcnn.commands.demo import demo

    return demo(options, DOMAIN)


if __name__ == "__main__":
    sys.exit(main())
