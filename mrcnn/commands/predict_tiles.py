"""The finished tiles of an image, kept in the folder of the results until its file is done, and the scale found."""

from contextlib import suppress
from pathlib import Path

from mrcnn.commands.inputs import stamp
from mrcnn.errors import MrcnnError
from mrcnn.files import read_json, write_json
from mrcnn.inference.find_scale import FoundScale
from mrcnn.inference.tile_store import remove_tiles, settings_fingerprint, weights_fingerprint

SCALE_FILE = "scale.json"


def tile_folder(out, page):
    """Folder in which the finished tiles of a page are kept until the results of its file are written."""
    return tile_folder_of(out, page.stem) / str(page.page)


def tile_folder_of(out, stem):
    """Folder of the tiles of a file."""
    return Path(out) / "tiles" / stem


def remove_tiles_of_file(out, stem):
    """Remove the tiles of all pages of a file, and their folders if nothing else is in them."""
    folder = tile_folder_of(out, stem)
    for page in [path for path in folder.glob("*") if path.is_dir()]:
        remove_page(page)
    remove_if_empty(folder)


def remove_page(folder):
    """Remove the tiles of a page and what belongs to them; anything else in the folder stays."""
    Path(folder, SCALE_FILE).unlink(missing_ok=True)
    remove_tiles(folder)
    remove_if_empty(folder)


def remove_if_empty(folder):
    """Remove a folder, unless something is in it."""
    with suppress(OSError):
        Path(folder).rmdir()


# --- The scale that --object-size auto found ---
def scale_key(detector, files):
    """What a scale that was found depends on: the model, its settings, and the state of the files of an image."""
    return {
        "weights": weights_fingerprint(detector),
        "settings": settings_fingerprint(detector),
        "files": [stamp(path) for path in files],
    }


def kept_scale(folder, key):
    """The `FoundScale` kept in a folder of tiles for this `scale_key`; None if there is none."""
    try:
        kept = read_json(Path(folder) / SCALE_FILE)
    except (OSError, ValueError):
        return None
    scale, why = kept.get("scale"), kept.get("why")
    if kept.get("key") != key or not isinstance(why, str):
        return None
    is_number = isinstance(scale, (int, float)) and not isinstance(scale, bool) and 1 / 64 <= scale <= 64
    return FoundScale(None if scale is None else float(scale), why) if scale is None or is_number else None


def keep_scale(folder, key, found):
    """Keep a scale with the tiles that will be computed at it: a run that continues from them needs the same one.

    If it cannot be written, nothing is kept: the tiles are then refused for the same reason, and that is told.
    """
    with suppress(MrcnnError):
        write_json(Path(folder) / SCALE_FILE, {"key": key, "scale": found.scale, "why": found.why})
