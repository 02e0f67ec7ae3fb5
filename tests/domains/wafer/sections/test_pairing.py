"""Pairing of tissue and magnetic parts on grids, on a crowded real wafer, and with missing parts."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.domains.wafer.sections.pairing import pair_parts
from mrcnn.domains.wafer.sections.sections import pair_sections
from mrcnn.geometry.polygons import oriented_box, polygons_to_instances


def measured(polygons):
    boxes = [oriented_box(p) for p in polygons]
    return (
        np.array([b[0] for b in boxes]).reshape(-1, 2),
        np.array([b[1] for b in boxes]).reshape(-1, 2),
        np.array([b[2] for b in boxes]),
    )


@given(seed=st.integers(0, 10_000), lost=st.integers(0, 5))
def test_every_part_finds_its_partner_whatever_the_order(wafer, seed, lost):
    rng = np.random.default_rng(seed)
    tissues, magnets, _, _ = wafer(rng)
    kept_t, kept_m = (rng.permutation(len(tissues))[: len(tissues) - lost] for _ in range(2))
    pairs = pair_parts(measured([tissues[i] for i in kept_t]), measured([magnets[i] for i in kept_m]))
    assert {(kept_t[i], kept_m[j]) for i, j in pairs} == {(i, i) for i in set(kept_t) & set(kept_m)}


@pytest.mark.parametrize(("tissues", "magnets"), [(0, 0), (3, 0), (0, 3)])
def test_without_one_of_the_classes_there_are_no_pairs(wafer, tissues, magnets):
    own, other, _, _ = wafer(np.random.default_rng(0))
    assert pair_parts(measured(own[:tissues]), measured(other[:magnets])).shape == (0, 2)


def test_a_single_section_is_a_pair_and_distant_parts_are_not(section_of):
    tissue, magnet = section_of((100, 100), 30)
    assert pair_parts(measured([tissue]), measured([magnet])).tolist() == [[0, 0]]
    assert not len(pair_parts(measured([tissue]), measured([magnet + 200])))


def test_the_nearer_magnet_of_a_neighbour_is_not_taken(section_of):
    """Rows of sections end to end, so close that the neighbour's magnetic part is nearer than the section's own."""
    sections = [section_of((54.0 * i, 100 + (3 if i % 2 else 0)), 90) for i in range(8)]
    tissues, magnets = zip(*sections)
    gaps = [np.linalg.norm(tissues[i].mean(0) - magnets[i - 1].mean(0)) for i in range(1, 8)]
    assert min(gaps) < np.linalg.norm(tissues[0].mean(0) - magnets[0].mean(0)) + 1
    order = np.random.default_rng(1).permutation(8)
    pairs = pair_parts(measured(tissues), measured([magnets[i] for i in order]))
    assert [order[j] for _, j in pairs] == list(range(8))


def test_nearly_square_parts_are_paired_too(section_of):
    rng = np.random.default_rng(5)
    sections = [
        section_of((150 * r + 100, 150 * c + 100), rng.uniform(0, 360), 40, 38, 41) for r in range(4) for c in range(4)
    ]
    tissues, magnets = zip(*sections)
    pairs = pair_parts(measured(tissues), measured(magnets))
    assert pairs.tolist() == [[i, i] for i in range(16)]


def real_sections(folder):
    shapes = json.loads((folder / "wafer_labels" / "silicon_wafer_1" / "labels.json").read_text())["shapes"]
    by_label = {s["label"]: np.array(s["points"], float)[:, ::-1] for s in shapes}
    count = sum(label.startswith("tissue") for label in by_label)
    return [[by_label[f"{part}-{i}"] for i in range(1, count + 1)] for part in ("tissue", "magnet")]


@pytest.mark.parametrize(("lost", "jitter_px"), [(0.0, 0.0), (0.05, 2.0)])
def test_real_wafer(real_data, lost, jitter_px):
    """514 labelled, crowded sections; seven are labelled twice, within 1.1 px, and either of the two is correct."""
    tissues, magnets = real_sections(real_data)
    rng = np.random.default_rng(3)
    polygons, class_ids, owners = [], [], []
    for class_id, own in ((1, tissues), (2, magnets)):
        for number, polygon in enumerate(own):
            if rng.random() >= lost:
                polygons.append(polygon + rng.normal(0, jitter_px, polygon.shape))
                class_ids.append(class_id)
                owners.append(number)
    class_ids, owners = np.array(class_ids), np.array(owners)
    found = pair_sections(polygons_to_instances(polygons, class_ids, (5616, 6136)))
    centres = np.array([p.mean(axis=0) for p in tissues])
    pairs = [(owners[s.tissue.index], owners[s.magnet.index]) for s in found if s.paired]
    right = sum(np.linalg.norm(centres[t] - centres[m]) < 2 for t, m in pairs)
    whole = len(set(owners[class_ids == 1]) & set(owners[class_ids == 2]))
    assert right > 0.99 * whole
    assert len(pairs) - right < 0.01 * whole
    assert len(found) == len(polygons) - len(pairs)
