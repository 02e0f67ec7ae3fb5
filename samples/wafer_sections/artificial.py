"""Make artificial patches from a few labelled sections of a wafer: the sets that train.py learns from.

Sections are cut out along their envelopes and laid, without collision, on the wafer's background. `throw` turns them
and throws them into a basket larger than the patch; `paste` leaves them as they lay. Label with labelme: tissue-1,
magnet-1, envelope-1 (around both and a dummy part beside them), tissue-2, ..., and background (an area without
sections, larger than a patch if there is one).
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

An interrupted command goes on where it stopped. The same options give the same files.

exit code: 0 done, 2 nothing could be done (options, labels or images), 130 interrupted by Ctrl+C
"""


def main(argv=None):
    """Write the sets; returns the exit code."""
    return run(work, vars(parser().parse_args(argv)))


def parser():
    """The options."""
    result = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = result.add_argument_group("the wafer")
    data.add_argument(
        "--labels",
        required=True,
        metavar="FILE.json",
        help="labelme file, by label or in triplets of tissue, magnet, envelope with the background "
        "last; or one of two files of corners, *tissue*.txt and *mag*.txt",
    )
    data.add_argument(
        "--scale",
        type=positive_number,
        metavar="X",
        help="coordinates are divided by it (default: 3 for files of corners not named *_scale3.txt, otherwise 1)",
    )
    data.add_argument(
        "--channels",
        type=channels,
        metavar="grey=FILE,fluo=FILE",
        help="the wafer's images, of one size: TIFF or OME-Zarr (default: grey is the image that the "
        "labels name, fluo the one of that name with DAPI for BF_Test, fluo for grey, or _fluo "
        "added)",
    )
    data.add_argument(
        "--background",
        type=background,
        metavar="free|X1,Y1,X2,Y2",
        help="where to take the background: the largest rectangle without a labelled section, if all "
        "sections are labelled; or this rectangle in pixels (default: the labelled background)",
    )
    sets = result.add_argument_group("the sets")
    sets.add_argument("--out", required=True, metavar="DIR", help="gets a folder for each set, with one for each patch")
    for name, usual in COUNTS.items():
        sets.add_argument(
            f"--{name}", type=count, default=usual, metavar="N", help=f"patches in {name}; 0: none (default {usual})"
        )
    sets.add_argument(
        "--size", type=size, default=(512, 512), metavar="N|HEIGHT,WIDTH", help="of a patch in pixels (default 512)"
    )
    sections = sets.add_mutually_exclusive_group()
    sections.add_argument(
        "--own-sections",
        dest="own_sections",
        action="store_true",
        default=None,
        help="each set gets sections of its own, at least 5 (default from 20 labelled sections)",
    )
    sections.add_argument(
        "--shared-sections",
        dest="own_sections",
        action="store_false",
        help="all sets are made of all sections (default for fewer)",
    )
    sets.add_argument("--seed", type=count, default=0, metavar="N", help="another one gives other patches (default 0)")
    sets.add_argument(
        "--workers",
        type=whole_number,
        metavar="N",
        help="processes; they do not change the result (default: one for each processor)",
    )
    making = result.add_argument_group("how patches are made")
    making.add_argument(
        "--generator",
        choices=("throw", "paste"),
        default="throw",
        help="throw: sections at many angles, cut by the patch's borders; paste: at the angles they "
        "have on the wafer (default throw)",
    )
    making.add_argument("--throws", type=whole_number, metavar="N", help="throw: tries for each patch (default 2000)")
    making.add_argument(
        "--angles",
        type=angles,
        metavar="N",
        help="throw: sections are turned by multiples of 360 / (N - 1) degrees (default 30)",
    )
    making.add_argument(
        "--most-sections",
        type=whole_number,
        metavar="N",
        help="paste: in a picture that patches are cut from (default 150)",
    )
    making.add_argument(
        "--patches-per-picture",
        type=whole_number,
        metavar="N",
        help="paste: patches cut from each picture (default 10)",
    )
    making.add_argument(
        "--least-parts",
        type=count,
        metavar="N",
        help="paste: fewest tissue parts, and fewest magnets, in a patch (default 3)",
    )
    making.add_argument(
        "--min-pixels",
        type=whole_number,
        metavar="N",
        help="objects of which a patch shows fewer pixels are left out (default 25)",
    )
    return result


ONLY_FOR = {"throw": ("throws", "angles"), "paste": ("most_sections", "patches_per_picture", "least_parts")}


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
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
    """The generator's options that were given."""
    from mrcnn.errors import ConfigError

    generator = options["generator"]
    for other, names in ONLY_FOR.items():
        for name in names:
            if other != generator and options[name] is not None:
                raise ConfigError(f"--{name.replace('_', '-')} has no meaning for --generator {generator}.")
    names = (*ONLY_FOR[generator], "background", "min_pixels", "workers")
    more = {name: options[name] for name in names if options[name] is not None}
    if "least_parts" in more:
        more["min_tissue"] = more["min_magnet"] = more.pop("least_parts")
    return more


def named_images(path, image):
    """The images that a file of labels stands for: the one it names, and the fluorescence beside it."""
    from mrcnn.errors import DataError

    cure = "Say where the images are: --channels grey=FILE,fluo=FILE"
    if image is None:
        raise DataError(path, "names no image", cure)
    if not image.exists():
        raise DataError(path, f"names the image {image}, which is not there", cure)
    names = [
        image.name.replace("BF_Test", "DAPI"),
        image.name.replace("grey", "fluo"),
        f"{image.stem}_fluo{image.suffix}",
    ]
    for name in names:
        if name != image.name and image.with_name(name).exists():
            return {"grey": image, "fluo": image.with_name(name)}
    raise DataError(
        path, f"names the image {image}, and there is no fluorescence of its name beside it (such as {names[-1]})", cure
    )


def channels(text):
    """`grey=A.tif,fluo=B.tif` as a dict."""
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
    """`free`, or `X1,Y1,X2,Y2` as (y1, x1, y2, x2)."""
    if text == "free":
        return text
    x1, y1, x2, y2 = numbers(text, 4, "write free, or the corners X1,Y1,X2,Y2 in pixels")
    return y1, x1, y2, x2


def size(text):
    """`512` as (512, 512), and `512,768` as (512, 768)."""
    found = numbers(text, None, "write one number, or HEIGHT,WIDTH")
    if len(found) > 2 or min(found) < 32:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no size of a patch: write one number of at least 32, or HEIGHT,WIDTH"
        )
    return found[0], found[-1]


def numbers(text, count, cure):
    """Whole numbers from 0, separated by commas."""
    parts = text.split(",")
    if not all(part.strip().isdigit() for part in parts) or count not in (None, len(parts)):
        raise argparse.ArgumentTypeError(f"'{text}': {cure}")
    return [int(part) for part in parts]


def angles(text):
    """A whole number from 2."""
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number of at least 2")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
