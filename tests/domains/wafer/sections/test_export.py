"""Export of sections as CSV and JSON, and outlines for proofreading."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.domains.wafer.sections.export import part_outline, section_counts, write_sections_csv, write_sections_json
from mrcnn.domains.wafer.sections.sections import Part, SectionResult, pair_sections, sections_table
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.polygons import polygon_box, polygon_mask, polygons_to_instances

FIRST = (
    "section_id,tissue_x_px,tissue_y_px,tissue_angle_deg,tissue_score,magnet_x_px,magnet_y_px,magnet_angle_deg,"
    "magnet_score"
)


@pytest.fixture
def found(wafer, as_instances):
    """Four tissue parts and three magnetic parts, with scores."""
    tissues, magnets, _, shape = wafer(np.random.default_rng(4), 2, 2)
    instances = as_instances(tissues, magnets[1:], shape)
    instances.scores = np.linspace(0.9, 0.99, len(instances)).astype(np.float32)
    return instances, pair_sections(instances)


def test_csv_matches_the_table_and_leaves_missing_fields_empty(found, tmp_path):
    _, sections = found
    write_sections_csv(tmp_path / "new" / "sections.csv", sections, 3, 0.5)
    lines = (tmp_path / "new" / "sections.csv").read_text().splitlines()
    assert lines[0].startswith(FIRST + ",tissue_x_full_px")
    alone = next(i for i, s in enumerate(sections) if s.magnet is None)
    fields = lines[1 + alone].split(",")
    assert fields[3] == "" and fields[5:9] == [""] * 4 and fields[1] != ""
    read = pd.read_csv(tmp_path / "new" / "sections.csv")
    assert np.allclose(read, sections_table(sections, 3, 0.5), atol=5e-4, equal_nan=True)
    assert read["section_id"].tolist() == [1, 2, 3, 4]


def test_no_angle_is_rounded_to_360(tmp_path):
    tissue, magnet = (Part(i, (5.0, 5.0), (9.0, 4.0), 90.0, 1.0, 359.9999) for i in range(2))
    sections = [SectionResult(1, tissue, magnet)]
    write_sections_csv(tmp_path / "s.csv", sections)
    assert pd.read_csv(tmp_path / "s.csv")["tissue_angle_deg"].tolist() == [0]
    instances = Instances((20, 20), [[0, 0, 4, 9]] * 2, masks=[np.ones((4, 9), bool)] * 2)
    write_sections_json(tmp_path / "s.json", sections, instances)
    assert json.loads((tmp_path / "s.json").read_text())["sections"][0]["magnet"]["angle_deg"] == 0


def test_json_contains_all_information_on_each_section(found, tmp_path):
    instances, sections = found
    write_sections_json(tmp_path / "s.json", sections, instances, 3, 0.5, {"rule": "centre"})
    content = json.loads((tmp_path / "s.json").read_text())
    assert (
        content["counts"]
        == section_counts(sections)
        == {"sections": 4, "paired": 3, "tissue_alone": 1, "magnet_alone": 0}
    )
    assert (content["image_height_px"], content["image_width_px"]) == instances.image_shape
    assert (content["scale"], content["pixel_size_um"], content["about"]) == (3.0, [0.5, 0.5], {"rule": "centre"})
    for row, section in zip(content["sections"], sections, strict=True):
        assert row["section_id"] == section.section_id
        index = row["tissue"]["label"] - 1
        assert row["tissue"]["area_px"] == instances.areas()[index]
        assert row["tissue"]["centre_full_px"]["x"] == pytest.approx(3 * section.tissue.centre[1], abs=2e-3)
        assert row["tissue"]["centre_um"]["y"] == pytest.approx(0.5 * section.tissue.centre[0], abs=2e-3)
        box = row["tissue"]["box_px"]
        assert (box["y1"], box["x1"], box["y2"], box["x2"]) == tuple(instances.boxes[index])
        assert (row["magnet"] is None) == (row["distance_px"] is None) == (section.magnet is None)
        assert (row["tissue"]["angle_deg"] is None) == (section.magnet is None)
        assert row["magnet"] is None or row["magnet"]["angle_deg"] is not None


def test_json_without_pixel_size_has_no_um(found, tmp_path):
    instances, sections = found
    write_sections_json(tmp_path / "s.json", sections, instances)
    content = json.loads((tmp_path / "s.json").read_text())
    assert content["pixel_size_um"] is None and content["sections"][0]["tissue"]["centre_um"] is None


def test_unwritable_files_are_errors(found, tmp_path):
    instances, sections = found
    (tmp_path / "file").write_text("")
    for write in (lambda p: write_sections_csv(p, sections), lambda p: write_sections_json(p, sections, instances)):
        with pytest.raises(DataError, match="cannot be written"):
            write(tmp_path / "file" / "s")
    with pytest.raises(ConfigError, match="scale"):
        write_sections_csv(tmp_path / "s.csv", sections, scale=-3)
    assert not (tmp_path / "s.csv").exists()


@given(angle=st.floats(0, 360), shift=st.floats(0, 1))
def test_outline_of_a_rectangle_has_few_points_and_restores_its_mask(section_of, angle, shift):
    tissue, _ = section_of((60 + shift, 60), angle)
    instances = polygons_to_instances([tissue], [1], (130, 130))
    outline = part_outline(instances, 0)
    assert 3 <= len(outline) <= 10
    again = polygon_mask(outline, (0, 0, 130, 130))
    mask = instances.to_masks()[..., 0]
    assert (again & mask).sum() / (again | mask).sum() > 0.9


def test_outlines_of_specks_and_of_empty_masks():
    masks = [np.ones((1, 1), bool), np.zeros((2, 2), bool)]
    instances = Instances((9, 9), [[4, 5, 5, 6], [0, 0, 2, 2]], masks=masks)
    speck = part_outline(instances, 0)
    assert len(speck) >= 3 and polygon_box(speck).tolist() == [4, 5, 5, 6]
    assert part_outline(instances, 1) is None
