"""Downloading a weight file: whole and checked, or not at all."""

import hashlib
import os
import urllib.request
from pathlib import Path

from mrcnn.errors import WeightsError
from mrcnn.files import draft_of

COCO_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
# Of files whose content is known. Against damage on the way, not against an attacker, so MD5 will do.
MD5 = {COCO_URL: "e98aaff6f99e307b5e2a8a3ff741a518"}
TIMEOUT = 30  # seconds without a byte
BLOCK = 1 << 20


def keras_cache():
    """The folder that Keras keeps weight files in, whether it is there or not."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def download(url, path, verbose=1):
    """Download a file under a temporary name, check it, and only then give it its name.

    Parameters
    ----------
    url : str
    path : str or Path
        Where to write it; its folder is made. A file that is there is replaced when the download succeeded.
    verbose : int
        Above 0 shows a progress bar.

    Raises
    ------
    WeightsError
        It cannot be downloaded or written, or what came is not the file. Nothing is left behind.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(path) as draft:
            size, announced, digest = _fetch(url, draft, path.name, verbose)
            if announced is not None and size != announced:
                raise OSError(f"only {size} of {announced} bytes came")
            if digest != MD5.get(url, digest):
                raise OSError(f"its MD5 is {digest} and not {MD5[url]}")
    except (OSError, ValueError) as error:  # ValueError: no URL at all; URLError and timeouts are OSErrors
        raise WeightsError(
            f"{path} cannot be downloaded ({error}): download {url} where there is a connection and put the file there."
        ) from error


def _fetch(url, path, name, verbose):
    """Write what a URL gives to a file: bytes written, bytes announced (None when they were not), MD5."""
    from tqdm import tqdm

    size, digest = 0, hashlib.md5(usedforsecurity=False)
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response, open(path, "wb") as file:
        announced = response.headers.get("Content-Length")
        announced = None if announced is None else int(announced)
        with tqdm(total=announced, desc=f"Downloading {name}", unit="B", unit_scale=True, disable=not verbose) as bar:
            while block := response.read(BLOCK):
                file.write(block)
                digest.update(block)
                size += len(block)
                bar.update(len(block))
    return size, announced, digest.hexdigest()
