"""Sections found once, twice or not at all, pairs, errors of centre and angle, on scenes where all are known."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.domains.wafer.evaluate.sections import angle_error, evaluate_sections, find_claims, format_sections
from mrcnn.domains.wafer.sections.sections import known_sections, pair_sections
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.polygons import polygons_to_instances

SHAPE = (320, 640)
PITCH = 160


def rectangle(y, x, height=80, width=36):
    return np.array([(y, x), (y, x + width), (y + height, x + width), (y + height, x)], float)


def scene(count=8):
    """Sections in two rows, with the tissue to the right of its magnetic part: angle 0."""
    places = [(30 + PITCH * (i // 4), 30 + PITCH * (i % 4)) for i in range(count)]
    return [rectangle(y, x + 38) for y, x in places], [rectangle(y, x) for y, x in places]


def instances_of(tissues, magnets):
    pairs = [p for pair in zip(tissues, magnets) for p in pair]
    return polygons_to_instances(pairs, [1, 2] * len(tissues), SHAPE)


def together(*parts):
    return Instances(
        SHAPE,
        np.concatenate([p.boxes for p in parts]),
        np.concatenate([p.class_ids for p in parts]),
        np.concatenate([p.scores for p in parts]),
        [m for p in parts for m in p.masks],
    )


@pytest.fixture(scope="module")
def truth():
    tissues, magnets = scene()
    return instances_of(tissues, magnets), known_sections(tissues, magnets)


def evaluated(truth, found, **options):
    return evaluate_sections(*truth, found, pair_sections(found), **options)


def test_ground_truth_itself_scores_perfectly(truth):
    report = evaluated(truth, truth[0])
    assert (report["sections_true"], report["once"], report["double"], report["missed"]) == (8, 8, 0, 0)
    assert report["found_once"] == report["pairing"]["accuracy"] == report["ap_50"] == report["ap_50_boxes"] == 1
    assert report["coco_ap"] == {name: 1.0 for name in ("AP", "AP50", "AP75", "tissue", "magnet")}
    assert report["recall_50_boxes"] == 1 and report["labelled_twice"] == 0 and report["errors"] == []
    assert report["parts"]["magnet"] == {"true": 8, "once": 8, "double": 0, "missed": 0, "found": 8, "false": 0}
    assert report["centre_error_px"]["all"] == {"count": 16, "median": 0.0, "p95": 0.0}
    assert report["angle_error_deg"]["all"]["p95"] < 1e-6
    assert report["by_tile"] is None


@given(lost=st.sets(st.integers(0, 15)), twice=st.sets(st.integers(0, 15)), order=st.integers(0, 100))
def test_states_count_parts_that_are_missed_or_found_twice(truth, lost, twice, order):
    gt, _ = truth
    kept = [i for i in range(16) if i not in lost]
    twice = sorted(twice - lost)
    found = together(gt.select(kept), gt.select(np.array(twice, int)).moved((1, 1), SHAPE))
    found = found.select(np.random.default_rng(order).permutation(len(found)))
    report = evaluated(truth, found)
    missed = {i // 2 for i in lost}
    assert report["missed"] == len(missed)
    assert report["double"] == len({i // 2 for i in twice} - missed)
    assert report["once"] == 8 - report["missed"] - report["double"]
    assert report["parts"]["tissue"]["double"] == sum(i % 2 == 0 for i in twice)
    assert {e["section_id"] for e in report["errors"] if e["state"] == "missed"} == {i + 1 for i in missed}


def test_half_a_part_in_addition_to_the_whole_is_a_double(truth):
    """A part cut off by a tile border does not match by IoU, but it is an extra row in the table."""
    gt, _ = truth
    half = gt.select([0])
    half.boxes[0, 2] -= 45
    half.masks[0] = half.masks[0][:-45]
    report = evaluated(truth, together(gt, half))
    assert (report["double"], report["once"], report["parts"]["tissue"]["double"]) == (1, 7, 1)
    assert report["parts"]["tissue"]["false"] == 0
    alone = evaluated(truth, together(gt.select(np.arange(1, 16)), half))
    assert (alone["missed"], alone["double"]) == (1, 0)


def test_a_different_class_at_the_same_place_and_objects_elsewhere(truth):
    gt, _ = truth
    swapped = gt.select([0])
    swapped.class_ids[:] = 2
    dummy = gt.select([3])
    dummy.class_ids[:] = 3
    elsewhere = polygons_to_instances([rectangle(225, 560, 60, 30)], [2], SHAPE)
    report = evaluated(truth, together(gt.select(np.arange(1, 16)), swapped, dummy, elsewhere))
    assert report["missed"] == 1 and report["parts"]["tissue"]["missed"] == 1
    assert report["parts"]["magnet"]["false"] == 1 + 1
    assert report["parts"]["magnet"]["double"] == 0
    assert report["parts"]["tissue"]["found"] + report["parts"]["magnet"]["found"] == 17


def test_pairs_of_different_sections_are_wrong(truth):
    gt, sections = truth
    crossed = [replace(a, magnet=b.magnet) for a, b in zip(sections, [sections[1], sections[0], *sections[2:]])]
    report = evaluate_sections(gt, sections, gt, crossed)
    assert report["pairing"] == {"sections": 8, "right": 6, "accuracy": 0.75}
    unpaired = [replace(s, magnet=None) for s in sections[:2]] + list(sections[2:])
    assert evaluate_sections(gt, sections, gt, unpaired)["pairing"]["right"] == 6


@given(dy=st.integers(-3, 3), dx=st.integers(-3, 3))
def test_moved_detections_have_this_centre_error(truth, dy, dx):
    report = evaluated(truth, truth[0].moved((dy, dx), SHAPE))
    for name in ("tissue", "magnet", "all"):
        assert report["centre_error_px"][name]["median"] == pytest.approx(np.hypot(dy, dx))
    assert report["angle_error_deg"]["all"]["p95"] < 1e-6


def test_rotated_detections_have_this_angle_error(truth):
    gt, sections = truth
    turned = [
        replace(
            s,
            tissue=replace(s.tissue, angle_deg=(s.tissue.angle_deg - 3.0) % 360),
            magnet=replace(s.magnet, angle_deg=None),
        )
        for s in sections
    ]
    report = evaluate_sections(gt, sections, gt, turned)
    assert report["angle_error_deg"]["tissue"] == pytest.approx({"count": 8, "median": 3.0, "p95": 3.0})
    assert report["angle_error_deg"]["magnet"] == {"count": 0, "median": None, "p95": None}


@given(a=st.floats(0, 360), b=st.floats(0, 360), turns=st.integers(-2, 2))
def test_angle_errors_are_circular(a, b, turns):
    error = angle_error(a, b)
    assert 0 <= error <= 180
    assert error == pytest.approx(angle_error(b, a + 360 * turns), abs=1e-9)
    assert angle_error(0, min(abs(a - b), 360 - abs(a - b))) == pytest.approx(error, abs=1e-9)


def test_a_section_labelled_twice_counts_once(truth):
    tissues, magnets = scene()
    tissues, magnets = [*tissues, tissues[2] + 1], [*magnets, magnets[2] + 1]
    report = evaluate_sections(
        instances_of(tissues, magnets), known_sections(tissues, magnets), truth[0], pair_sections(truth[0])
    )
    assert (report["sections_true"], report["labelled_twice"], report["once"]) == (8, 1, 8)
    assert report["ap_50"] == report["pairing"]["accuracy"] == 1


def test_no_detections_and_no_ground_truth(truth):
    nothing = Instances(SHAPE)
    missed = evaluated(truth, nothing)
    assert (missed["missed"], missed["found_once"], missed["ap_50"], missed["recall_50_boxes"]) == (8, 0.0, 0.0, 0.0)
    assert missed["pairing"]["accuracy"] is None
    false = evaluate_sections(nothing, [], *truth)
    assert (false["sections_true"], false["found_once"], false["parts"]["tissue"]["false"]) == (0, None, 8)
    assert false["coco_ap"]["AP"] is None
    both = evaluate_sections(nothing, [], nothing, [])
    assert both["ap_50"] == 1
    for report in (missed, false, both):
        assert "ground-truth sections" in format_sections(report)


def test_a_section_with_one_labelled_part(truth):
    tissues, magnets = scene(2)
    gt = polygons_to_instances([tissues[0], tissues[1], magnets[1]], [1, 1, 2], SHAPE)
    report = evaluate_sections(gt, known_sections(tissues, [None, magnets[1]]), gt, pair_sections(gt))
    assert (report["once"], report["pairing"]["sections"], report["parts"]["magnet"]["true"]) == (2, 1, 1)


def test_claims_need_half_of_the_smaller_object():
    gt = Instances((40, 40), [[0, 0, 10, 10]], masks=[np.ones((10, 10), bool)])
    for offset, on in ((4, 0), (5, 0), (6, -1)):
        claims = find_claims(gt, gt.moved((offset, 0), (40, 40)))
        assert claims.target.tolist() == [on]
        assert claims.states.tolist() == ["missed"]
    assert find_claims(gt, gt.moved((3, 0), (40, 40))).states.tolist() == ["once"]


def test_the_report_is_plain_and_is_shown_as_a_table(truth):
    tiles = [(0, 0, 320, 400), (0, 240, 320, 640)]
    report = evaluated(truth, truth[0].select(np.arange(1, 16)), tiles=tiles)
    assert json.loads(json.dumps(report)) == report
    text = format_sections(report)
    assert "8 ground-truth sections: 7 found once (87.5 %), 0 found twice, 1 missed" in text
    assert "correct pairs: 7 of 7 (100.0 %)" in text
    assert "2 tiles" in text
