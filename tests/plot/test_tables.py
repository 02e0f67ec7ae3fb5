"""Tables in notebooks: nothing is truncated, relevant columns come first, numbers are short and correct."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.geometry.instances import Instances
from mrcnn.plot.tables import MEASURES, show_table
from mrcnn.results.measure import measure


def shown(table, **options):
    """Cells as displayed, by column name."""
    return show_table(table, **options).texts.to_dict("list")


def measured():
    masks = np.zeros((60, 60, 2), bool)
    masks[5:25, 5:25, 0] = masks[30:59, 20:50, 1] = True
    return measure(Instances.from_masks(masks), np.zeros((60, 60), np.uint8), 5, ["BG", "mitochondrion"])


def test_measures_in_physical_units_come_first_and_no_column_is_lost():
    table = measured()
    columns = list(show_table(table).texts)
    assert columns[:8] == [
        "instance",
        "class",
        "score",
        "area_um2",
        "equivalent_diameter_nm",
        "perimeter_nm",
        "major_axis_nm",
        "minor_axis_nm",
    ]
    assert sorted(columns) == sorted(table)
    assert columns[11:] == [name for name in table if name not in MEASURES]


def test_a_wide_table_scrolls_and_its_headers_are_not_broken():
    html = show_table(measured())._repr_html_()
    assert re.search(r'<div class="mrcnn-table" style="[^"]*overflow-x: auto', html)
    assert "white-space: nowrap" in html and "width: max-content" in html
    assert html.count("<th>") == measured().shape[1]


@pytest.mark.parametrize("rows", [3, 100])
def test_neither_rows_nor_columns_nor_long_texts_are_left_out(rows):
    table = pd.DataFrame({f"c{i}": ["x" * 200] * rows for i in range(40)})
    html, text = show_table(table)._repr_html_(), repr(show_table(table))
    assert html.count("<td>") == 40 * rows and "..." not in html + text
    assert html.count("x" * 200) == text.count("x" * 200) == 40 * rows


def test_cells_are_text_not_html():
    html = show_table(pd.DataFrame({"<b>": ["<script>"]}))._repr_html_()
    assert "<script>" not in html and "<b>" not in html and "&lt;script&gt;" in html


def test_numbers_have_the_decimals_that_their_column_needs():
    table = pd.DataFrame({"area": [0.21678, 0.03], "nm": [519.6, 87.24], "n": [12345, 7], "score": [1.0, 0.98765]})
    assert shown(table) == {
        "score": ["1.000", "0.988"],
        "area": ["0.217", "0.030"],
        "nm": ["520", "87"],
        "n": ["12,345", "7"],
    }


@pytest.mark.parametrize(
    "value, text",
    [
        (0.1, "0.100"),
        (10.5, "10.5"),
        (999.6, "1,000"),
        (0.00689, "0.00689"),
        (1e-9, "0.000000"),
        (-0.25, "-0.250"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_alone(value, text):
    assert shown(pd.DataFrame({"v": [value]})) == {"v": [text]}


def test_missing_values_booleans_and_texts():
    table = pd.DataFrame({"a": [np.nan, 1.5], "b": [True, False], "c": [None, "x"], "d": [2, "three"]})
    assert shown(table) == {"a": ["–", "1.50"], "b": ["yes", "no"], "c": ["–", "x"], "d": ["2", "three"]}


def test_rows_with_different_quantities_have_their_own_decimals():
    table = pd.DataFrame({"found": [12, 0.21678, 519.6]}, index=["count", "area_um2", "nm"])
    assert shown(table)["found"] == ["12", "0", "520"]
    assert shown(table, each=True)["found"] == ["12", "0.217", "520"]


def test_rows_are_named_only_where_they_have_names():
    table = pd.DataFrame({"a": [1, 2]})
    assert repr(show_table(table)).splitlines() == ["a", "1", "2"]
    assert "median" in repr(show_table(table.set_axis(["mean", "median"])))
    assert "<th>mean</th>" in show_table(table.set_axis(["mean", "median"]))._repr_html_()


def test_texts_are_aligned_to_the_left_numbers_to_the_right():
    html = show_table(pd.DataFrame({"n": [1], "file": ["a.tif"]}, index=["row"]))._repr_html_()
    (rule,) = re.findall(r"[^{}]*tbody td:nth-of-type\(\d\)[^{}]*{text-align: left}", html)
    assert "tbody td:nth-of-type(2)" in rule and "th:nth-of-type(3)" in rule
    assert 'class="dataframe text-1"' in html


@pytest.mark.parametrize("table", [pd.DataFrame(), pd.DataFrame({"a": []}), measured()[:0]])
def test_a_table_without_rows(table):
    assert "<table" in show_table(table)._repr_html_() and isinstance(repr(show_table(table)), str)


def test_columns_of_two_levels_and_of_the_same_name():
    table = pd.DataFrame({"k": ["a", "a", "b"], "v": [1.0, 2.0, 4.0]}).groupby("k").agg(["count", "mean"])
    assert [*show_table(table, each=True).texts.iloc[0]] == ["2", "1.50"]
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert show_table(twice).texts.to_numpy().tolist() == [["1", "2"]]


def test_the_table_itself_is_not_changed():
    table = measured()
    before = table.copy()
    show_table(table)._repr_html_()
    pd.testing.assert_frame_equal(table, before)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1), st.integers(2, 5))
def test_a_shown_number_is_rounded_to_the_given_digits(values, digits):
    largest = max(map(abs, values))
    texts = shown(pd.DataFrame({"v": values}), digits=digits)["v"]
    exact = all(value.is_integer() for value in values)
    error = 0 if exact else max(0.5e-6, largest * 10 ** (1 - digits) / 2) if largest < 10**digits else 0.5
    for value, text in zip(values, texts):
        assert math.isclose(float(text.replace(",", "")), value, rel_tol=1e-9, abs_tol=error * (1 + 1e-9))
    assert len({len(text.partition(".")[2]) for text in texts}) == 1
