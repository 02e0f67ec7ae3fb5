"""`mrcnn wafer patches`: windows of a labelled wafer as folders that a training reads."""

import json

import numpy as np
import pytest
import tifffile

from mrcnn.__main__ import main
from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.domains.wafer.labels.write import write_labelme
from mrcnn.domains.wafer.patches.folders import PatchFolderDataset
from mrcnn.geometry.polygons import polygon_mask

SHAPE = (200, 260)


@pytest.fixture
def wafer(tmp_path):
    """Image, fluorescence and labels of a wafer with twelve sections, of which the last is labelled twice."""
    grey, fluo, sections = np.full(SHAPE, 150, np.uint8), np.zeros(SHAPE, np.uint8), []
    for number in range(12):
        y, x = 4 + 48 * (number // 4), 6 + 62 * (number % 4)
        tissue, magnet = (
            np.array([(y + a, x), (y + a, x + 50), (y + b, x + 50), (y + b, x)], float) for a, b in ((0, 19), (20, 38))
        )
        grey[polygon_mask(tissue, (0, 0, *SHAPE))] = 60
        fluo[polygon_mask(magnet, (0, 0, *SHAPE))] = 200
        sections.append(Section(number + 1, tissue, magnet))
    sections.append(Section(20, tissue + 1, magnet + 1))
    tifffile.imwrite(tmp_path / "wafer_grey.tif", grey)
    tifffile.imwrite(tmp_path / "wafer_fluo.tif", fluo)
    write_labelme(tmp_path / "labels.json", WaferLabels(sections, None, SHAPE), tmp_path / "wafer_grey.tif")
    return tmp_path


def cut(wafer, *options):
    return main(["wafer", "patches", "--labels", str(wafer / "labels.json"), "--out", str(wafer / "out"), *options])


def test_a_grid_covers_the_wafer(wafer, capsys):
    assert cut(wafer, "--grid", "--size", "100,130", "--drop-twins") == 0
    said = capsys.readouterr()
    assert "4 patches in" in said.out and "1 sections are labelled twice (12 and 20): one of each stays" in said.err
    dataset = PatchFolderDataset(wafer / "out", ("grey", "fluo"))
    stack = ChannelStack(("grey", "fluo"), {name: wafer / f"wafer_{name}.tif" for name in ("grey", "fluo")})
    whole = np.concatenate([dataset.load_image(i) for i in (0, 1)], axis=1)
    np.testing.assert_array_equal(whole, stack.read(0, 0, 100, 260))
    for image_id in dataset.image_ids:
        assert dataset.load_instances(image_id).to_masks().sum(axis=-1).max() == 1
    assert cut(wafer, "--grid", "--size", "100,130", "--drop-twins") == 0  # once more: nothing is left to do


def test_patches_at_random_places_hold_enough_parts_and_it_is_said_that_they_overlap(wafer, capsys):
    assert cut(wafer, "--size", "120", "--count", "6", "--least-parts", "3", "--seed", "1") == 0
    said = capsys.readouterr()
    assert "6 patches in" in said.out and "overlap one another" in said.out
    assert "their pixels belong to several objects" in said.err and "--drop-twins" in said.err
    dataset = PatchFolderDataset(wafer / "out", ("grey", "fluo"))
    for image_id in dataset.image_ids:
        assert np.bincount(dataset.load_instances(image_id).class_ids, minlength=3)[1:].min() >= 3


def test_patches_of_other_options_are_not_mixed(wafer, capsys):
    assert cut(wafer, "--size", "120", "--count", "3", "--least-parts", "2") == 0
    assert cut(wafer, "--size", "120", "--count", "3", "--least-parts", "2", "--seed", "5") == 2
    assert "other settings (windows_digest)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--grid", "--seed", "3"], "--seed has no effect with --grid"),
        (["--overlap", "3"], "--overlap has no effect without --grid"),
        (["--grid", "--size", "300"], "less than a patch of 300 x 300"),
        (["--channels", "grey=missing.tif"], "missing.tif"),
    ],
)
def test_what_cannot_be_cut_is_refused(wafer, options, problem, capsys):
    assert cut(wafer, *options) == 2
    assert problem in capsys.readouterr().err and not (wafer / "out").exists()


def test_twins_are_told_by_the_artificial_patches_too(wafer, capsys):
    labels = json.loads((wafer / "labels.json").read_text())
    corners = [[x, y] for y, x in ((150, 2), (150, 255), (198, 255), (198, 2))]
    labels["shapes"].append({"label": "background", "points": corners, "shape_type": "polygon"})
    (wafer / "labels.json").write_text(json.dumps(labels))
    words = [
        "wafer",
        "artificial",
        "--labels",
        str(wafer / "labels.json"),
        "--out",
        str(wafer / "out"),
        "--size",
        "160",
    ]
    assert main([*words, "--train", "1", "--val", "0", "--test", "0", "--throws", "20"]) == 0
    assert "(12 and 20): their pixels belong to several objects" in capsys.readouterr().err
