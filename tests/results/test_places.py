"""Columns of places in tables."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.results.places import in_order, placed, together

PLACES = st.dictionaries(st.sampled_from("tzp"), st.integers(0, 9), max_size=3)


def table(place, rows=2):
    found = pd.DataFrame({"image": ["a.tif"] * rows, "page": range(rows), "y1": range(rows)})
    return placed(found, place)


@given(PLACES, st.integers(0, 3))
def test_a_place_follows_the_name_of_the_image(place, rows):
    found = table(place, rows)
    assert list(found.columns) == ["image", "page", *place, "y1"] and len(found) == rows
    assert all((found[name] == index).all() and found[name].dtype == "Int64" for name, index in place.items())


@given(st.lists(PLACES, min_size=1, max_size=4))
def test_tables_of_several_files_are_one(places):
    found = together([table(place) for place in places])
    names = sorted({name for place in places for name in place})
    assert list(found.columns) == ["image", "page", *names, "y1"] == in_order(found.columns)
    for i, place in enumerate(places):
        for name in names:
            cells = found[name].iloc[2 * i : 2 * i + 2]
            assert (cells == place[name]).all() if name in place else cells.isna().all()
    text = found.to_csv(index=False)
    assert ".0" not in text  # whole numbers also where some files have no such axis


def test_columns_of_parts():
    assert in_order(["image", "page", "instance", "z", "y1", "t"]) == ["image", "page", "t", "z", "instance", "y1"]
    assert in_order(["stack", "object", "t", "object"]) == ["stack", "t", "object"]
    assert in_order([]) == []
