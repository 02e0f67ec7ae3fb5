"""Search for the best training settings: learning rate, batch size or any other, for any of the models."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.tuning_arguments import tune_parser


def main(argv=None):
    """Search for settings; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    options = vars(tune_parser(__doc__, annotations=False).parse_args(argv))
    return run(work, options, [sys.executable, __file__, *argv])


def work(options, command):
    """Import what is heavy only now, after the options are known to be sound."""
    from mitochondria import DOMAIN

    from mrcnn.commands.own_objects import tune

    return tune(options, command, DOMAIN)


if __name__ == "__main__":
    sys.exit(main())
