"""Merging fields by options: files, exit codes and messages."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.domains.hpa.commands.merge import merge
from mrcnn.domains.hpa.commands.merge_arguments import merge_parser
from mrcnn.errors import DataError
from mrcnn.images.read import read_image


def write_fields(folder, count, side=8):
    folder.mkdir()
    for i in range(count):
        for k, channel in enumerate(("red", "green", "blue", "yellow")):
            Image.fromarray(np.full((side, side), 50 * k + 10, np.uint8)).save(folder / f"f{i}_{channel}.png")
    return folder


def merged(source, out, *options):
    return merge(vars(merge_parser("x").parse_args([str(source), "--out", str(out), *options])))


def test_fields_are_merged_and_failures_named(tmp_path, capsys):
    source, out = write_fields(tmp_path / "in", 3), tmp_path / "out"
    assert merged(source, out) == 0
    assert "3 fields merged into" in capsys.readouterr().out
    assert read_image(out / "f0.png")[0, 0].tolist() == [10 + 80, 60 + 80, 110]
    (source / "f1_blue.png").unlink()
    assert merged(source, tmp_path / "four", "--mode", "four", "--workers", "1") == 1
    assert "failed: " in (text := capsys.readouterr().err) and "f1_blue.png: is missing" in text
    assert read_image(tmp_path / "four" / "f0.tif").shape == (8, 8, 4)
    assert merged(source, tmp_path / "four", "--mode", "four", "--missing", "zeros") == 0
    assert "1 fields merged into" in (text := capsys.readouterr().out) and "2 were already up to date" in text


def test_exit_code_2_if_every_field_fails(tmp_path, capsys):
    source = write_fields(tmp_path / "in", 25)
    for path in source.glob("*_red.png"):
        path.unlink()
    assert merged(source, tmp_path / "out") == 2
    assert "failed: 5 more fields" in capsys.readouterr().err


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(DataError, match="nothing: is not a folder"):
        merged(tmp_path / "nothing", tmp_path / "out")


def test_files_that_are_no_stain_are_named(tmp_path, capsys):
    source = write_fields(tmp_path / "in", 1)
    assert merged(source, tmp_path / "out") == 0
    assert "not read" not in capsys.readouterr().err
    for name in ("f1_red.jpg", "f0_violet.png", "notes.txt", ".hidden"):
        (source / name).write_bytes(b"x")
    assert merged(source, tmp_path / "out") == 0
    said = capsys.readouterr().err
    assert f"In {source}, 3 files are not read, because only names such as <id>_red.png" in said
    assert "of a stain: f0_violet.png, f1_red.jpg, notes.txt." in said
