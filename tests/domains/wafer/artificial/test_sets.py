"""Sets of artificial patches: nothing in common, sections as they are on the wafer, twins together."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.artificial import sets
from mrcnn.domains.wafer.artificial.sets import write_artificial_sets
from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.domains.wafer.patches.folders import PatchFolderDataset
from mrcnn.domains.wafer.synthetic.wafer import STYLES, few_sections, synthetic_wafer
from mrcnn.errors import ConfigError
from mrcnn.geometry.polygons import polygon_mask

SMALL = replace(STYLES["silicon"], length=50.0, tissue_depth=22.0, magnet_depth=24.0)
QUICK = {"size": (150, 190), "throws": 60, "angles": 9, "progress": False, "workers": 1}
FLAT = (440, 460)


def flat_wafer(ground=150, grey=110):
    """A wafer of 30 sections close together, all of one grey, and its labels; below them is free ground."""
    image, sections = np.full(FLAT, ground, np.uint8), []
    for number in range(30):
        y, x = 4 + 42 * (number // 6), 6 + 75 * (number % 6)
        tissue, magnet = (
            np.array([(y + a, x), (y + a, x + 70), (y + b, x + 70), (y + b, x)], float) for a, b in ((0, 19), (20, 38))
        )
        for polygon in (tissue, magnet):
            image[polygon_mask(polygon, (0, 0, *FLAT))] = grey
        sections.append(Section(number + 1, tissue, magnet))
    background = np.array([(230.0, 5.0), (230.0, 450.0), (435.0, 450.0), (435.0, 5.0)])
    return ChannelStack.from_arrays({"grey": image}), WaferLabels(sections, background, FLAT)


@pytest.mark.parametrize("ground", [30, 150])
@pytest.mark.parametrize("labelled", [30, 5])
@pytest.mark.parametrize("generator", ["throw", "paste"])
def test_sections_come_out_as_grey_as_they_are(tmp_path, ground, labelled, generator):
    stack, labels = flat_wafer(ground)
    more = {"throws": 200} if generator == "throw" else {"min_tissue": 1, "min_magnet": 1, "tries": 500}
    write_artificial_sets(
        stack,
        labels.select(np.arange(labelled)),
        tmp_path,
        {"train": 2, "val": 3, "test": 0},
        generator,
        (160, 160),
        progress=False,
        workers=1,
        **more,
    )
    dataset, judged = PatchFolderDataset(tmp_path / "val", ("grey",)), 0
    for image_id in dataset.image_ids:
        image, found = dataset.load_image(image_id)[..., 0], dataset.load_instances(image_id)
        for (y1, x1, y2, x2), mask in zip(found.boxes, found.masks):
            inside = binary_erosion(mask, np.ones((3, 3)), iterations=2)
            assert np.abs(image[y1:y2, x1:x2][inside].astype(int) - 110).max(initial=0) <= 2
            judged += inside.any()
    assert judged > 10


def test_twins_go_into_one_set(monkeypatch, tmp_path):
    stack, labels = flat_wafer()
    twins = [Section(31 + i, *(p + 1.0 for p in (s.tissue, s.magnet))) for i, s in enumerate(labels.sections[:12])]
    labels = replace(labels, sections=[*labels.sections, *twins])
    given = {}

    def kept(stack, chosen, folder, *arguments, everything, **options):
        given[folder.name] = {section.number for section in chosen.sections}
        assert everything is labels
        return []

    monkeypatch.setitem(sets.GENERATORS, "throw", kept)
    for seed in range(8):
        write_artificial_sets(stack, labels, tmp_path, {"train": 6, "val": 3, "test": 3}, seed=seed)
        assert sorted(number for chosen in given.values() for number in chosen) == list(range(1, 43))
        places = [{number if number <= 30 else number - 30 for number in chosen} for chosen in given.values()]
        assert sum(map(len, places)) == 30 and min(map(len, places)) >= 5


@pytest.fixture(scope="module")
def wafer():
    """(channels, labels with 4 sections, all labels) of a small synthetic wafer."""
    images, labels = synthetic_wafer((500, 520), 24, seed=1, style=SMALL)
    return ChannelStack.from_arrays(images), few_sections(labels, 4), labels


def test_sets_share_no_image_and_many_sections_are_divided(wafer, tmp_path):
    stack, few, labels = wafer
    counts, quick = {"train": 3, "val": 2, "test": 0}, QUICK
    written = write_artificial_sets(stack, few, tmp_path / "few", counts, **quick)
    assert {name: len(folders) for name, folders in written.items()} == {"train": 3, "val": 2}
    pictures = [p.read_bytes() for p in sorted((tmp_path / "few").rglob("images/*.tif"))]
    assert len(set(pictures)) == len(pictures) == 10
    write_artificial_sets(stack, labels, tmp_path / "many", counts, **quick)
    digests = {json.loads(p.read_text())["labels_digest"] for p in (tmp_path / "many").glob("*/artificial.json")}
    assert len(digests) == 2  # 24 sections are enough to give each set its own
    with pytest.raises(ConfigError, match="4 sections cannot be divided among 2 sets"):
        write_artificial_sets(stack, few, tmp_path / "no", counts, own_sections=True, **quick)
    with pytest.raises(ConfigError, match="count is 0"):
        write_artificial_sets(stack, few, tmp_path / "no", {"train": 0})
    with pytest.raises(ConfigError, match="throw or paste"):
        write_artificial_sets(stack, few, tmp_path / "no", counts, generator="drop")
