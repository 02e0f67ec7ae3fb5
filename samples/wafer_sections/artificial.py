"""Make artificial patches from a few labelled sections of a wafer: the data sets for train.py.

Sections are cut out along their envelopes and placed without overlap on the wafer's background. `throw` rotates them
and throws them into a basket larger than the patch; `paste` keeps their original angle. Label with labelme: tissue-1,
magnet-1, envelope-1 (around both and any attached dummy part), tissue-2, ..., and background (an area without
sections, if possible larger than a patch).
"""

import argparse
import sys

from mrcnn.options.arguments import run
from mrcnn.options.option_values import count, positive_number, whole_number

COUNTS = {"train": 900, "val": 90, "test": 50}
EXAMPLE = """\
example:
  python artificial.py --labels few.json --channels grey=wafer_BF.tif,fluo=wafer_DAPI.tif --out artificial
  python train.py --dataset artificial/train --validation-dataset artificial/val

Repeat the command to resume after an interruption. The same options give the same files.

exit codes: 0 success, 2 nothing could be done (because of options, labels or images), 130 interrupted with Ctrl+C
"""


def main(argv=None):
    """Write the sets; returns the exit code."""
    return run(work, vars(parser().parse_args(argv)))


def parser():
    """Command line parser."""
    result = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = result.add_argument_group("the wafer")
    data.add_argument(
        "--labels",
        required=True,
        metavar="FILE.json",
        help="labelme file, with parts identified by label or in triplets of tissue, magnet, envelope with the "
        "background last; or one of two corner files, *tissue*.txt and *mag*.txt",
    )
    data.add_argument(
        "--scale",
        type=positive_number,
        metavar="X",
        help="divide coordinates by X (default: 3 for corner files not named *_scale3.txt, otherwise 1)",
    )
    data.add_argument(
        "--channels",
        type=channels,
        metavar="grey=FILE,fluo=FILE",
        help="images of the wafer, all the same size: TIFF or OME-Zarr (default: grey is the image named in the "
        "labels; fluo is the file next to it whose name has DAPI instead of BF_Test, fluo instead of grey, or _fluo "
        "appended)",
    )
    data.add_argument(
        "--background",
        type=background,
        metavar="free|X1,Y1,X2,Y2",
        help="area that provides the background. free: the largest rectangle without a labelled section, if all "
        "sections are labelled; or a rectangle in pixels (default: the labelled background)",
    )
    sets = result.add_argument_group("the data sets")
    sets.add_argument(
        "--out", required=True, metavar="DIR", help="output folder, with one folder per set and in it one per patch"
    )
    for name, usual in COUNTS.items():
        sets.add_argument(
            f"--{name}",
            type=count,
            default=usual,
            metavar="N",
            help=f"number of patches in {name}; 0 for none (default {usual})",
        )
    sets.add_argument(
        "--size",
        type=size,
        default=(512, 512),
        metavar="N|HEIGHT,WIDTH",
        help="size of a patch in pixels (default 512)",
    )
    sections = sets.add_mutually_exclusive_group()
    sections.add_argument(
        "--own-sections",
        dest="own_sections",
        action="store_true",
        default=None,
        help="give each set its own sections, at least 5 (default with 20 or more labelled sections)",
    )
    sections.add_argument(
        "--shared-sections",
        dest="own_sections",
        action="store_false",
        help="use all sections in all sets (default with fewer sections)",
    )
    sets.add_argument(
        "--seed", type=count, default=0, metavar="N", help="random seed; another seed gives other patches (default 0)"
    )
    sets.add_argument(
        "--workers",
        type=whole_number,
        metavar="N",
        help="number of processes; does not affect the result (default: at most one per processor)",
    )
    making = result.add_argument_group("how patches are made")
    making.add_argument(
        "--generator",
        choices=("throw", "paste"),
        default="throw",
        help="throw: sections at many angles, cut off by the borders of the patch; paste: sections at their original "
        "angles (default throw)",
    )
    making.add_argument(
        "--throws", type=whole_number, metavar="N", help="throw: number of throws per patch (default 2000)"
    )
    making.add_argument(
        "--angles",
        type=angles,
        metavar="N",
        help="throw: rotate sections by multiples of 360 / (N - 1) degrees (default 30)",
    )
    making.add_argument(
        "--most-sections",
        type=whole_number,
        metavar="N",
        help="paste: maximum number of sections in each large image from which patches are cut (default 150)",
    )
    making.add_argument(
        "--patches-per-picture",
        type=whole_number,
        metavar="N",
        help="paste: number of patches cut from each large image (default 10)",
    )
    making.add_argument(
        "--least-parts",
        type=count,
        metavar="N",
        help="paste: minimum number of tissue parts, and of magnets, in a patch (default 3)",
    )
    making.add_argument(
        "--min-pixels",
        type=whole_number,
        metavar="N",
        help="leave out objects with fewer visible pixels (default 25)",
    )
    return result


ONLY_FOR = {"throw": ("throws", "angles"), "paste": ("most_sections", "patches_per_picture", "least_parts")}


def work(options):
    """Make the patches; heavy modules are imported only after the options were checked."""
    from mrcnn.data.large.channels import ChannelStack
    from mrcnn.domains.wafer.artificial.generate import write_artificial_sets
    from mrcnn.domains.wafer.labels.read import read_labels

    more = making_options(options)
    labels = read_labels(options["labels"], options["scale"])
    files = options["channels"] or named_images(options["labels"], labels.image_path)
    stack = ChannelStack(tuple(files), files)
    labels.check_inside(stack.shape, options["labels"])
    counts = {name: options[name] for name in COUNTS}
    written = write_artificial_sets(
        stack,
        labels,
        options["out"],
        counts,
        options["generator"],
        options["size"],
        options["seed"],
        options["own_sections"],
        **more,
    )
    for name, folders in written.items():
        print(f"{name}: {len(folders)} patches in {folders[0].parent}")
    return 0


def making_options(options):
    """The given options of the generator."""
    from mrcnn.errors import ConfigError

    generator = options["generator"]
    for other, names in ONLY_FOR.items():
        for name in names:
            if other != generator and options[name] is not None:
                raise ConfigError(f"--{name.replace('_', '-')} has no effect with --generator {generator}.")
    names = (*ONLY_FOR[generator], "background", "min_pixels", "workers")
    more = {name: options[name] for name in names if options[name] is not None}
    if "least_parts" in more:
        more["min_tissue"] = more["min_magnet"] = more.pop("least_parts")
    return more


def named_images(path, image):
    """The images that belong to a label file: the image it names, and the fluorescence image next to that."""
    from mrcnn.errors import DataError

    cure = "Give the paths of the images: --channels grey=FILE,fluo=FILE"
    if image is None:
        raise DataError(path, "names no image", cure)
    if not image.exists():
        raise DataError(path, f"names the image {image}, which does not exist", cure)
    names = [
        image.name.replace("BF_Test", "DAPI"),
        image.name.replace("grey", "fluo"),
        f"{image.stem}_fluo{image.suffix}",
    ]
    for name in names:
        if name != image.name and image.with_name(name).exists():
            return {"grey": image, "fluo": image.with_name(name)}
    raise DataError(
        path,
        f"names the image {image}, but there is no matching fluorescence image next to it (such as {names[-1]})",
        cure,
    )


def channels(text):
    """Parse `grey=A.tif,fluo=B.tif` as a dict."""
    pairs = [part.partition("=") for part in text.split(",")]
    files = {name.strip(): file.strip() for name, _, file in pairs}
    if len(files) < len(pairs) or not all(name and file for name, file in files.items()):
        raise argparse.ArgumentTypeError(
            f"'{text}': write NAME=FILE,NAME=FILE, such as grey=A.tif,fluo=B.tif, each name once"
        )
    if "grey" not in files:
        raise argparse.ArgumentTypeError(f"'{text}' has no grey image; write grey=FILE")
    return files


def background(text):
    """Parse `free`, or `X1,Y1,X2,Y2` as (y1, x1, y2, x2)."""
    if text == "free":
        return text
    x1, y1, x2, y2 = numbers(text, 4, "write free, or the corners X1,Y1,X2,Y2 in pixels")
    return y1, x1, y2, x2


def size(text):
    """Parse `512` as (512, 512), and `512,768` as (512, 768)."""
    found = numbers(text, None, "write one number, or HEIGHT,WIDTH")
    if len(found) > 2 or min(found) < 32:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a valid patch size: write one number of at least 32, or HEIGHT,WIDTH"
        )
    return found[0], found[-1]


def numbers(text, count, cure):
    """Parse integers from 0, separated by commas."""
    parts = text.split(",")
    if not all(part.strip().isdigit() for part in parts) or count not in (None, len(parts)):
        raise argparse.ArgumentTypeError(f"'{text}': {cure}")
    return [int(part) for part in parts]


def angles(text):
    """Parse an integer from 2."""
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 2")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
