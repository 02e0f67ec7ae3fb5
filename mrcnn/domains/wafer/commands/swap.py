"""Exchange tissue and magnet in a label file or in folders of patches."""

from pathlib import Path

from mrcnn.domains.wafer.labels.exchange import exchange_corners, exchange_labelme, exchange_patches
from mrcnn.errors import DataError


def swap(options):
    """Write the labels with tissue and magnet exchanged; options of `swap_arguments.swap_parser`.

    Parameters
    ----------
    options : dict

    Returns
    -------
    int
        Exit code 0; any failure raises an error.
    """
    path, out = Path(options["labels"]), Path(options["out"])
    if path.is_dir():
        count = exchange_patches(path, out)
        if not count:
            raise DataError(
                path, "contains no patch", "Give the folder that holds the patches, or a label file in it by its name"
            )
        print(f"{count} patches with tissue and magnet exchanged in {out}")
    elif path.suffix.lower() == ".json":
        print(f"{exchange_labelme(path, out)} sections with tissue and magnet exchanged in {out}")
    else:
        print(f"tissue and magnet exchanged in {' and '.join(map(str, exchange_corners(path, out)))}")
    return 0
