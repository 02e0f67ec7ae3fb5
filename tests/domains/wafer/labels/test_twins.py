"""Sections labelled twice: found whatever their numbers, order and outlines; neighbours that touch are not."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.domains.wafer.labels.read import read_labels
from mrcnn.domains.wafer.labels.twins import find_twins, twins_said, without_twins
from mrcnn.domains.wafer.patches.cut import WaferPatches


def section(number, y, x, *missing, swapped=False):
    """A section at a place, of 60 x 38 pixels; neighbours at a distance of (38, 60) touch it."""
    tissue, magnet = (
        np.array([(y + a, x), (y + a, x + 60), (y + b, x + 60), (y + b, x)], float) for a, b in ((0, 19), (20, 38))
    )
    parts = {"tissue": magnet, "magnet": tissue} if swapped else {"tissue": tissue, "magnet": magnet}
    return Section(number, **{name: None if name in missing else polygon for name, polygon in parts.items()})


def grid(count=12):
    return [section(i + 1, 38 * (i // 4), 60 * (i % 4)) for i in range(count)]


@given(st.lists(st.tuples(st.integers(0, 11), st.floats(-4, 4), st.floats(-6, 6), st.booleans()), max_size=6))
@settings(max_examples=40)
def test_twins_are_found_wherever_they_are_and_touching_neighbours_are_not(again):
    sections = grid()
    for number, (index, dy, dx, swapped) in enumerate(again, start=100):
        sections.append(section(number, 38 * (index // 4) + dy, 60 * (index % 4) + dx, swapped=swapped))
    labels = WaferLabels(sections)
    wanted = {index: [index] for index, *_ in again}
    for place, (index, *_) in enumerate(again, start=12):
        wanted[index].append(place)
    assert sorted(find_twins(labels)) == sorted(wanted.values())
    kept = without_twins(labels)
    assert [s.number for s in kept.sections] == list(range(1, 13)) and not find_twins(kept)


def test_the_more_complete_one_stays():
    sections = [section(7, 0, 0, "magnet"), section(3, 1, 1), section(5, 100, 100), section(9, 1, 0)]
    labels = WaferLabels(sections)
    assert find_twins(labels) == [[0, 1, 3]]
    assert [s.number for s in without_twins(labels).sections] == [3, 5]
    assert twins_said(labels, find_twins(labels)) == "7 and 3 and 9"


def test_no_sections_and_outlines_that_cross_themselves():
    assert find_twins(WaferLabels()) == [] and len(without_twins(WaferLabels())) == 0
    crossed = np.array([(0, 0), (0, 60), (19, 0), (19, 60)], float)
    sections = [Section(1, crossed), Section(2, crossed + 1.0), Section(3)]
    assert find_twins(WaferLabels(sections)) == [[0, 1]]


def test_a_data_set_of_patches_warns_of_them():
    image = np.zeros((200, 300), np.uint8)
    labels = WaferLabels([*grid(), section(30, 2, 61)], image_shape=image.shape)
    stack, window = ChannelStack.from_arrays({"grey": image}), [(0, 0, 100, 100)]
    with pytest.warns(UserWarning, match=r"labelled twice \(2 and 30\).*without_twins") as caught:
        WaferPatches(stack, labels, window)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WaferPatches(stack, without_twins(labels), window)


@pytest.mark.parametrize("name", ["labels.json", "source_sections_tissue.txt"])
def test_those_of_a_real_wafer_are_found(real_data, name):
    labels = read_labels(real_data / "wafer_labels" / "silicon_wafer_1" / name)
    twins = find_twins(labels)
    numbers = [[labels.sections[i].number for i in group] for group in twins]
    assert numbers == [[3, 298], [55, 198], [96, 317], [114, 286], [136, 407], [140, 400], [207, 363]]
    assert len(without_twins(labels)) == len(labels) - 7
    assert twins_said(labels, twins).startswith("3 and 298; 55 and 198; ")
