"""Download a weight file completely and verify it, or leave nothing behind."""

import hashlib
import os
import urllib.request
from pathlib import Path

from mrcnn.errors import WeightsError
from mrcnn.files import draft_of

COCO_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
# Checksums of files with known content. They protect against transfer errors, not attackers, so MD5 is sufficient.
MD5 = {COCO_URL: "e98aaff6f99e307b5e2a8a3ff741a518"}
TIMEOUT = 30  # seconds without data
BLOCK = 1 << 20


def keras_cache():
    """The folder in which Keras caches weight files; it may not exist yet."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def download(url, path, verbose=1):
    """Download a file under a temporary name, verify it, and only then rename it.

    Parameters
    ----------
    url : str
    path : str or Path
        Where to write the file; its folder is created. An existing file is replaced once the download has succeeded.
    verbose : int
        Above 0 shows a progress bar.

    Raises
    ------
    WeightsError
        The file cannot be downloaded or written, or its content is not the expected one. Nothing is left behind.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(path) as draft:
            size, announced, digest = _fetch(url, draft, path.name, verbose)
            if announced is not None and size != announced:
                raise OSError(f"only {size} of {announced} bytes were received")
            if digest != MD5.get(url, digest):
                raise OSError(f"its MD5 is {digest}, not {MD5[url]}")
    except (OSError, ValueError) as error:  # ValueError: not a URL; URLError and timeouts are OSErrors
        raise WeightsError(
            f"{path} cannot be downloaded ({error}): download {url} on a computer with internet access and "
            "put the file there."
        ) from error


def _fetch(url, path, name, verbose):
    """Write the content of a URL to a file; return the bytes written, the bytes announced (or None) and the MD5."""
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
