"""Folders of artificial patches: independent of workers and interruptions, and readable as training images."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.artificial import write as artificial_runs
from mrcnn.domains.wafer.artificial.generate import paste_patches, throw_patches
from mrcnn.domains.wafer.patches.folders import PatchFolderDataset
from mrcnn.domains.wafer.synthetic.wafer import STYLES, few_sections, synthetic_wafer
from mrcnn.errors import ConfigError, DataError

SMALL = replace(STYLES["silicon"], length=50.0, tissue_depth=22.0, magnet_depth=24.0)
QUICK = {"size": (150, 190), "throws": 60, "angles": 9, "progress": False}


@pytest.fixture(scope="module")
def wafer():
    """(channels, labels with 4 sections) of a small synthetic wafer."""
    images, labels = synthetic_wafer((500, 520), 24, seed=1, style=SMALL)
    return ChannelStack.from_arrays(images), few_sections(labels, 4), labels


def contents(folder):
    """All files in a folder, {name: bytes}."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_patches_are_read_as_images_with_their_objects(wafer, tmp_path):
    stack, few, _ = wafer
    folders = throw_patches(stack.with_names(("grey", "grey", "fluo")), few, tmp_path, 3, workers=1, **QUICK)
    assert [p.name for p in folders] == ["patch_0000", "patch_0001", "patch_0002"]
    dataset = PatchFolderDataset(tmp_path, ("grey", "fluo", "edges"))
    assert len(dataset.image_ids) == 3
    for image_id in dataset.image_ids:
        image, found = dataset.load_image(image_id), dataset.load_instances(image_id)
        assert image.shape == (150, 190, 3) and image.dtype == np.uint8
        assert set(found.class_ids) == {1, 2} and found.areas().min() >= 25
        fluo = [np.median(image[y1:y2, x1:x2, 1][mask]) for (y1, x1, y2, x2), mask in zip(found.boxes, found.masks)]
        assert np.array_equal(np.array(fluo) > 35, found.class_ids == 2)


def test_files_are_the_same_with_two_workers(wafer, tmp_path):
    stack, few, _ = wafer
    throw_patches(stack, few, tmp_path / "one", 5, workers=1, **QUICK)
    throw_patches(stack, few, tmp_path / "two", 5, workers=2, **QUICK)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize(
    ("generate", "options"),
    [
        (throw_patches, {"throws": 60, "angles": 9}),
        (
            paste_patches,
            {"patches_per_picture": 3, "canvas": (260, 280), "tries": 300, "min_tissue": 1, "min_magnet": 1},
        ),
    ],
)
def test_a_resumed_run_gives_the_same_files_as_an_uninterrupted_one(wafer, tmp_path, monkeypatch, generate, options):
    stack, few, _ = wafer
    options = {**options, "size": (150, 190), "workers": 1, "progress": False}
    generate(stack, few, tmp_path / "whole", 5, **options)
    write, done = artificial_runs.write_patch, []

    def stopped(folder, name, *arguments):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(name)
        return write(folder, name, *arguments)

    monkeypatch.setattr(artificial_runs, "write_patch", stopped)
    with pytest.raises(KeyboardInterrupt):
        generate(stack, few, tmp_path / "broken", 5, **options)
    times = {name: (tmp_path / "broken" / name).stat().st_mtime_ns for name in done}
    monkeypatch.setattr(artificial_runs, "write_patch", write)
    folders = generate(stack, few, tmp_path / "broken", 5, **options)
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole") and len(folders) == 5
    assert times == {name: (tmp_path / "broken" / name).stat().st_mtime_ns for name in done}


def test_more_patches_are_added_to_existing_ones(wafer, tmp_path):
    stack, few, _ = wafer
    throw_patches(stack, few, tmp_path / "all", 4, workers=1, **QUICK)
    throw_patches(stack, few, tmp_path / "parts", 2, workers=1, **QUICK)
    throw_patches(stack, few, tmp_path / "parts", 2, first=2, workers=1, **QUICK)
    assert contents(tmp_path / "parts") == contents(tmp_path / "all")
    paste = {
        "size": (120, 120),
        "canvas": (260, 280),
        "patches_per_picture": 3,
        "min_tissue": 1,
        "min_magnet": 1,
        "workers": 1,
        "progress": False,
    }
    paste_patches(stack, few, tmp_path / "pasted", 5, **paste)
    paste_patches(stack, few, tmp_path / "grown", 4, **paste)
    paste_patches(stack, few, tmp_path / "grown", 5, **paste)
    assert contents(tmp_path / "pasted") == contents(tmp_path / "grown")
    assert (tmp_path / "pasted" / "artif_001_crop01").is_dir()


def test_patches_of_other_settings_are_not_mixed(wafer, tmp_path):
    stack, few, labels = wafer
    throw_patches(stack, few, tmp_path, 1, workers=1, **QUICK)
    with pytest.raises(ConfigError, match=r"other settings \(seed\)"):
        throw_patches(stack, few, tmp_path, 2, seed=5, workers=1, **QUICK)
    with pytest.raises(ConfigError, match=r"other settings \(labels_digest\)"):
        throw_patches(stack, labels, tmp_path, 2, workers=1, **QUICK)
    record = json.loads((tmp_path / artificial_runs.RECORD).read_text())
    del record["pasting"]  # of versions that shifted the grey levels of sections
    (tmp_path / artificial_runs.RECORD).write_text(json.dumps(record))
    with pytest.raises(ConfigError, match=r"other settings \(pasting\)"):
        throw_patches(stack, few, tmp_path, 2, workers=1, **QUICK)
    (tmp_path / artificial_runs.RECORD).write_text("{")
    with pytest.raises(DataError, match="delete this one"):
        throw_patches(stack, few, tmp_path, 2, workers=1, **QUICK)


@pytest.mark.parametrize(
    ("generate", "options", "message"),
    [
        (throw_patches, {"count": 0}, "count must be at least 1"),
        (throw_patches, {"angles": 1}, "angles must be at least 2"),
        (throw_patches, {"size": (20, 200)}, "at least 32 pixels"),
        (throw_patches, {"size": (40, 40)}, "too small for sections that measure"),
        (throw_patches, {"workers": 0}, "workers must be at least 1"),
        (paste_patches, {"canvas": (100, 600)}, "smaller than a patch of 512 x 512"),
        (paste_patches, {"patches_per_picture": 0}, "patches_per_picture must be at least 1"),
    ],
)
def test_invalid_options_are_rejected(wafer, tmp_path, generate, options, message):
    stack, few, _ = wafer
    with pytest.raises(ConfigError, match=message):
        generate(stack, few, tmp_path, **{"count": 2, **options})


def test_patches_that_cannot_contain_enough_parts_are_an_error(wafer, tmp_path):
    stack, few, _ = wafer
    with pytest.raises(DataError, match="min_tissue"):
        paste_patches(
            stack, few, tmp_path, 2, size=(110, 110), canvas=(200, 200), min_tissue=30, workers=1, progress=False
        )


def test_an_unwritable_folder_is_named(wafer, tmp_path):
    stack, few, _ = wafer
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file"):
        throw_patches(stack, few, tmp_path / "file" / "sets", 1, workers=1, **QUICK)
