"""Axes of pages: what each page is, and which pages are the slices of a stack."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.images.page_axes import UNNAMED, checked_axes, frames_and_slices, place_of, slice_axis, stacks_of

NAMES = ["t", "z", "p", *UNNAMED]
AXES = st.lists(st.sampled_from(NAMES), unique=True, max_size=4).flatmap(
    lambda names: st.tuples(*(st.tuples(st.just(name), st.integers(2, 4)) for name in names))
)


def count(axes):
    return math.prod(length for _, length in axes)


@given(AXES)
def test_each_page_has_its_place(axes):
    places = [place_of(axes, page) for page in range(count(axes))]
    assert [tuple(p.values()) for p in places if len(p) == len(axes)] in (
        [],
        list(np.ndindex(*(length for _, length in axes))),
    )
    assert all(list(p) == [name for name, _ in axes if name not in UNNAMED] for p in places)


@given(AXES)
def test_each_page_is_in_one_stack_in_the_order_of_its_slices(axes):
    stacks, along = stacks_of(axes, count(axes)), slice_axis(axes)
    assert (stacks == []) == (along is None)
    assert along == "z" or "z" not in dict(axes)
    if along is not None:
        assert sorted(page for _, pages in stacks for page in pages) == list(range(count(axes)))
        assert {len(pages) for _, pages in stacks} == {dict(axes)[along]}
        assert len({tuple(place.items()) for place, _ in stacks}) == len(stacks)
        for place, pages in stacks:
            assert along not in place and len(place) == len(axes) - 1
            found = [place_of(axes, page) for page in pages]
            assert all(page.get(name, index) == index for page in found for name, index in place.items())
            assert along in UNNAMED or [page[along] for page in found] == list(range(len(pages)))


@given(AXES)
def test_files_for_other_programs_have_every_page_once(axes):
    letters, lengths, order = frames_and_slices(axes, count(axes))
    assert letters in ("T", "Z", "TZ") and len(letters) == len(lengths) and math.prod(lengths) == count(axes)
    assert sorted(order) == list(range(count(axes)))
    assert ("Z" in letters) == (slice_axis(axes) is not None or not axes)


@pytest.mark.parametrize(
    "axes, expected",
    [
        ((), ("Z", (1,), [0])),
        ((("i", 3),), ("Z", (3,), [0, 1, 2])),
        ((("t", 3),), ("T", (3,), [0, 1, 2])),
        ((("z", 3),), ("Z", (3,), [0, 1, 2])),
        ((("t", 2), ("z", 2)), ("TZ", (2, 2), [0, 1, 2, 3])),
        ((("z", 2), ("t", 2)), ("TZ", (2, 2), [0, 2, 1, 3])),
        ((("p", 2), ("t", 2)), ("T", (4,), [0, 1, 2, 3])),
    ],
)
def test_frames_and_slices(axes, expected):
    assert frames_and_slices(axes, count(axes)) == expected


def test_slices_are_z_or_pages_without_a_name():
    assert [slice_axis(tuple((n, 2) for n in names)) for names in ("z", "tz", "zt", "i", "q", "ic", "ti")] == [
        *("z", "z", "z", "i", "q", "i", "i")
    ]
    assert [slice_axis(tuple((n, 2) for n in names)) for names in ("", "t", "p", "tp")] == [None] * 4


def test_axes_that_do_not_fit_the_pages_are_pages_without_a_name():
    assert checked_axes([("t", 2), ("z", 3)], 6) == (("t", 2), ("z", 3))
    assert checked_axes([("t", 1), ("z", 6)], 6) == (("z", 6),)
    assert checked_axes([("t", 2)], 6) == checked_axes((), 6) == (("i", 6),)
    assert checked_axes((), 1) == checked_axes([("z", 1)], 1) == ()
