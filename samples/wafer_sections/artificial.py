"""Make artificial patches from a few labelled sections of a wafer: the data sets for train.py.

Sections are cut out along their envelopes and placed without overlap on the wafer's background. `throw` rotates them
and throws them into a basket larger than the patch; `paste` keeps their original angle. Label with labelme: tissue-1,
magnet-1, envelope-1 (around both and any attached dummy part), tissue-2, ..., and background (an area without
sections, if possible larger than a patch).
"""

import sys

from mrcnn.domains.wafer.commands.artificial_arguments import artificial_parser
from mrcnn.options.arguments import run


def main(argv=None):
    """Write the sets; returns the exit code."""
    return run(work, vars(artificial_parser(__doc__).parse_args(argv)))


def work(options):
    """Make the patches; heavy modules are imported only after the options were checked."""
    from mrcnn.domains.wafer.commands.artificial import write_artificial

    return write_artificial(options)


if __name__ == "__main__":
    sys.exit(main())
