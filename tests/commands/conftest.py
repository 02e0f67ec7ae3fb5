"""Runs, label images and output for the descriptions of `mrcnn.commands.info`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from mrcnn.commands.info import info
from mrcnn.options.info_arguments import info_parser

RUNS = Path(__file__).parents[1] / "compatibility" / "stored" / "runs"


@pytest.fixture
def stored_run(tmp_path):
    """Callable (kind="mask", **settings): a copy of a stored run with these settings changed."""

    def copy(kind="mask", **settings):
        folder = Path(shutil.copytree(RUNS / kind, tmp_path / "logs" / kind))
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
        return folder

    return copy


@pytest.fixture
def shown(capsys):
    """Callable (*arguments): exit code, rows of the text by label (the last of each), and errors."""

    def call(*arguments):
        code = info(vars(info_parser("x").parse_args([str(a) for a in arguments])))
        out, err = capsys.readouterr()
        lines = [line.strip().split("  ", 1) for line in out.splitlines() if line.startswith("  ")]
        return code, {line[0]: line[1].strip() for line in lines if len(line) == 2}, err

    return call


def squares_of(*areas, side=40):
    """uint8 [side, side]: squares with these sides in a row, numbered from 1."""
    image, x = np.zeros((side, side), np.uint8), 1
    for value, length in enumerate(areas, start=1):
        image[1 : 1 + length, x : x + length] = value
        x += length + 1
    return image


@pytest.fixture
def label_images(tmp_path):
    """Folder of three images and their label images: squares with the sides 4, 8 and 8, 2, none."""
    folder = tmp_path / "data"
    for i, sides in enumerate([(4, 8), (8, 2), ()]):
        for part, image in (("images", np.full((40, 40), i, np.uint8)), ("labels", squares_of(*sides))):
            (folder / part).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / part / f"i{i}.tif", image, resolution=(2e6, 2e6), resolutionunit="CENTIMETER")
    return folder


@pytest.fixture
def squares():
    """Callable (*sides): the label image of `squares_of`."""
    return squares_of
