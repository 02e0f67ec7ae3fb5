"""Centres and angles of parts, sections in reading order, and their table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.domains.wafer.sections.parts import measure_parts, resolved_angles, rim_points
from mrcnn.domains.wafer.sections.sections import (
    COLUMNS,
    FULL_COLUMNS,
    UM_COLUMNS,
    known_sections,
    pair_sections,
    sections_table,
)
from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.polygons import polygon_mask, polygons_to_instances


def difference(a, b):
    return abs((a - b + 180) % 360 - 180)


@given(angle=st.floats(0, 360, exclude_max=True), y=st.floats(90, 110), x=st.floats(90, 110))
def test_angle_and_centre_of_known_outlines_are_exact(section_of, angle, y, x):
    tissue, magnet = section_of((y, x), angle)
    (section,) = known_sections([tissue], [magnet])
    for part, polygon in ((section.tissue, tissue), (section.magnet, magnet)):
        assert part.centre == pytest.approx(tuple(polygon.mean(axis=0)), abs=1e-6)
        assert difference(part.angle_deg, angle) < 1e-6
        assert 0 <= part.angle_deg < 360


@given(seed=st.integers(0, 10_000))
def test_detections_have_the_angles_they_were_drawn_with(wafer, as_instances, seed):
    tissues, magnets, angles, shape = wafer(np.random.default_rng(seed), 2, 3)
    for section in pair_sections(as_instances(tissues, magnets, shape)):
        true = angles[section.tissue.index]
        assert section.paired and section.magnet.index == section.tissue.index + len(tissues)
        # One pixel over a length of 60 is about one degree.
        assert difference(section.tissue.angle_deg, true) < 2 and difference(section.magnet.angle_deg, true) < 2
        assert np.allclose(section.tissue.centre, tissues[section.tissue.index].mean(axis=0), atol=1)


@pytest.mark.parametrize(("angle", "tissue_lies"), [(0, (0, 1)), (90, (-1, 0)), (180, (0, -1)), (270, (1, 0))])
def test_the_angle_is_from_magnet_to_tissue_counter_clockwise_on_the_screen(section_of, angle, tissue_lies):
    tissue, magnet = section_of((100, 100), angle)
    way = tissue.mean(axis=0) - magnet.mean(axis=0)
    assert np.allclose(way / np.linalg.norm(way), tissue_lies, atol=1e-9)
    (section,) = known_sections([tissue], [magnet])
    assert difference(section.tissue.angle_deg, angle) < 1e-9


def test_the_sides_give_the_angle_and_the_partner_only_the_sign(section_of):
    """A magnetic part that slid along its tissue rotates the line between the centres, but not the tissue's sides."""
    tissue, magnet = section_of((100, 100), 90)
    (section,) = known_sections([tissue], [magnet + (0, 15)])
    assert section.tissue.angle_deg == pytest.approx(90)
    way = np.subtract(section.tissue.centre, section.magnet.centre)
    assert difference(np.degrees(np.arctan2(-way[0], way[1])), 90) > 25


def test_a_half_found_magnet_does_not_turn_its_tissue_by_a_right_angle(section_of):
    """Its centre is so far off that the long side would be nearer to the direction than the short one; the majority
    of the sections decides.
    """
    sections = [section_of((100, 120 * i + 100), 90) for i in range(5)]
    tissues, magnets = [s[0] for s in sections], [s[1] for s in sections]
    magnets[2] = magnets[2] + (0, 28)
    angles = [s.tissue.angle_deg for s in known_sections(tissues, magnets)]
    assert angles == pytest.approx([90] * 5)


def test_square_parts_take_the_side_nearest_to_the_direction(section_of):
    angles = resolved_angles([10, 100, 55], [(40, 39), (40, 40), (41, 40)], [8, 188, 234])
    assert angles == pytest.approx([10, 190, 235])


def test_angles_are_below_360():
    assert resolved_angles([180 - 1e-14, 90.0], [(60, 20)] * 2, [0.0, 271.0]).max() < 360


def test_a_part_without_partner_has_no_angle(section_of, as_instances):
    tissue, magnet = section_of((60, 60), 20)
    other, _ = section_of((60, 200), 20)
    paired, alone = pair_sections(as_instances([tissue, other], [magnet], (120, 260)))
    assert paired.paired and paired.section_id == 1
    assert (alone.section_id, alone.magnet, alone.tissue.angle_deg) == (2, None, None)


def test_reading_order_and_other_classes(section_of):
    places = [(300, 60), (60, 300), (62, 60), (300, 300)]
    polygons = [p for place in places for p in section_of(place, 90)]
    instances = polygons_to_instances([*polygons, section_of((180, 180), 0)[0]], [1, 2] * 4 + [3], (360, 360))
    sections = pair_sections(instances)
    assert [s.tissue.index for s in sections] == [4, 2, 0, 6]
    assert [s.section_id for s in sections] == [1, 2, 3, 4]
    assert all(s.paired for s in sections)


def test_specks_do_not_stretch_a_part(section_of):
    tissue, _ = section_of((50, 50), 25)
    mask = polygon_mask(tissue, (0, 0, 120, 120))
    clean = measure_parts(Instances((120, 120), [[0, 0, 120, 120]], masks=[mask]))[0]
    mask[115:118, 2:5] = True
    speckled = measure_parts(Instances((120, 120), [[0, 0, 120, 120]], masks=[mask]))[0]
    assert speckled == clean


def test_masks_of_any_size_have_a_centre():
    masks = [np.ones((1, 1), bool), np.ones((1, 7), bool), np.zeros((2, 2), bool)]
    parts = measure_parts(Instances((20, 20), [[3, 4, 4, 5], [8, 2, 9, 9], [0, 0, 2, 2]], masks=masks))
    assert [p.index for p in parts] == [0, 1]
    assert (parts[0].centre, parts[1].centre) == ((3.0, 4.0), (8.0, 5.0))
    assert parts[1].sides == (7.0, 1.0) and parts[1].axis_deg == pytest.approx(0)


@given(seed=st.integers(0, 1000))
def test_the_rim_holds_every_pixel(seed):
    from scipy.spatial import Delaunay

    mask = np.random.default_rng(seed).random((7, 9)) < 0.7
    rim = rim_points(mask)
    from scipy.ndimage import label

    pieces, count = label(mask, np.ones((3, 3)))
    if not count:
        assert not len(rim)
        return
    largest = np.argwhere(pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))
    assert (Delaunay(rim).find_simplex(largest) >= 0).all()


def test_labels_keep_their_numbers_and_count_their_outlines(section_of):
    (a, b), (c, _), (_, d) = (section_of((60, 100 * i + 60), 40) for i in range(3))
    sections = known_sections([a, c, None, None], [b, None, d, None], numbers=[7, 9, 11, 13])
    assert [s.section_id for s in sections] == [7, 9, 11]
    assert [(s.tissue and s.tissue.index, s.magnet and s.magnet.index) for s in sections] == [
        (0, 1),
        (2, None),
        (None, 3),
    ]
    assert sections[1].tissue.angle_deg is None and sections[0].tissue.angle_deg is not None


def test_labels_of_unequal_length_are_an_error(section_of):
    tissue, magnet = section_of((60, 60), 0)
    with pytest.raises(ConfigError, match="2 outlines of tissue, but 1 of magnetic"):
        known_sections([tissue, tissue], [magnet])


def test_table_has_the_columns_of_the_microscope_first(wafer, as_instances):
    tissues, magnets, _, shape = wafer(np.random.default_rng(2), 2, 2)
    sections = pair_sections(as_instances(tissues, magnets[:3], shape))
    plain, full = sections_table(sections), sections_table(sections, 3, (0.5, 0.25))
    assert tuple(plain.columns) == (*COLUMNS, *FULL_COLUMNS)
    assert tuple(full.columns) == (*COLUMNS, *FULL_COLUMNS, *UM_COLUMNS)
    assert plain["section_id"].tolist() == [1, 2, 3, 4]
    assert full["tissue_x_full_px"].tolist() == pytest.approx((3 * full["tissue_x_px"]).tolist())
    assert full["tissue_y_um"].tolist() == pytest.approx((0.5 * full["tissue_y_px"]).tolist())
    assert full["tissue_x_um"].tolist() == pytest.approx((0.25 * full["tissue_x_px"]).tolist())
    alone = full[full["magnet_x_px"].isna()]
    assert len(alone) == 1
    assert (
        alone[
            ["magnet_y_px", "magnet_angle_deg", "magnet_score", "magnet_x_full_px", "magnet_x_um", "tissue_angle_deg"]
        ]
        .isna()
        .all(axis=None)
    )
    assert alone[["tissue_x_px", "tissue_score"]].notna().all(axis=None)


def test_an_empty_table_has_all_columns():
    table = sections_table(pair_sections(Instances((50, 50))), 3, 1)
    assert len(table) == 0 and tuple(table.columns) == (*COLUMNS, *FULL_COLUMNS, *UM_COLUMNS)


@pytest.mark.parametrize(
    ("scale", "size", "said"),
    [(0, None, "scale"), (float("nan"), None, "scale"), (1, -1, "pixel size"), (1, (1, 2, 3), "pixel size")],
)
def test_invalid_factors_are_rejected(scale, size, said):
    with pytest.raises(ConfigError, match=said):
        sections_table([], scale, size)
