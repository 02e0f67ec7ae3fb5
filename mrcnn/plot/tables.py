"""Tables in notebooks: important columns first, the others by horizontal scrolling."""

import math
import numbers
from collections.abc import Sequence

import numpy as np
import pandas as pd

# Most relevant columns of a table of objects or images, in display order.
MEASURES = (
    "image",
    "instance",
    "object",
    "cell",
    "class",
    "score",
    "count",
    "area_um2",
    "equivalent_diameter_nm",
    "perimeter_nm",
    "major_axis_nm",
    "minor_axis_nm",
    "volume_um3",
    "area_mean_um2",
    "area_sd_um2",
    "area_total_um2",
    "area_fraction",
    "density_per_um2",
    "area_px",
    "equivalent_diameter_px",
    "touches_border",
)
_MOST_DECIMALS = 6
# Jupyter's default style wraps text in cells. This style is more specific, so it takes precedence; without max-content
# the columns would be squeezed instead of scrolled.
_TABLE = "div.mrcnn-table table.dataframe"
_STYLE = (
    f"{_TABLE} {{table-layout: auto; width: max-content; margin: 0}} "
    f"{_TABLE} th, {_TABLE} td {{white-space: nowrap; text-align: right}} "
    f"{_TABLE} tbody th {{text-align: left}}"
)


class ShownTable:
    """A table that IPython shows as HTML in a notebook and as text elsewhere; created by `show_table`.

    Parameters
    ----------
    texts : DataFrame
        The displayed values as strings.
    left : sequence of int
        Indices of left-aligned columns, from 0.
    index : bool
        Show the row names.
    """

    def __init__(self, texts, left=(), index=True):
        self.texts, self.left, self.index = texts, left, index

    def _repr_html_(self):
        # Classes instead of an id, because the same rule may occur many times on a page.
        before = self.texts.index.nlevels if self.index else 0
        rules = [_STYLE] + [
            f"{_TABLE}.text-{column} tbody td:nth-of-type({column + 1}), {_TABLE}.text-{column} "
            f"thead tr:only-child th:nth-of-type({column + 1 + before}) {{text-align: left}}"
            for column in self.left
        ]
        table = self.texts.to_html(
            index=self.index,
            border=0,
            max_rows=len(self.texts),
            max_cols=self.texts.shape[1],
            classes=[f"text-{column}" for column in self.left],
        )
        return (
            f'<style>{" ".join(rules)}</style><div class="mrcnn-table" style="overflow-x: auto; max-width: 100%">'
            f"{table}</div>"
        )

    def __repr__(self):
        return self.texts.to_string(index=self.index)


def show_table(table: pd.DataFrame, first: Sequence[str] = MEASURES, digits: int = 3, each: bool = False) -> ShownTable:
    """Display a table: never truncated, with relevant columns first and rounded numbers.

    A table that is wider than the page scrolls horizontally. The table itself is not changed and keeps all its digits
    for computation and export.

    Parameters
    ----------
    table : DataFrame
        Row numbers (a `RangeIndex`) are not shown.
    first : sequence of str
        Names of the columns to show first, in this order, if the table has them; the others follow in their own order.
    digits : int
        Significant digits of the largest number in a column; the others get the same number of decimals. Whole numbers
        are shown in full, with commas as thousands separators. Missing values are shown as a dash.
    each : bool
        Choose the decimals separately for every number, for tables whose rows contain different quantities. This is
        always done in columns that contain more than numbers.

    Returns
    -------
    ShownTable
        Displayed as the last line of a notebook cell, or by IPython's `display`.

    Examples
    --------
    >>> import pandas as pd
    >>> show_table(pd.DataFrame({"x1": [3], "area_um2": [0.123456], "class": ["mitochondrion"]}))
            class area_um2 x1
    mitochondrion    0.123  3
    """
    names = list(table.columns)
    order = [names.index(name) for name in first if name in names]
    order += [i for i in range(len(names)) if i not in order]
    columns = [table.iloc[:, i].tolist() for i in order]
    texts = pd.DataFrame(
        {i: _texts(column, digits, each) for i, column in enumerate(columns)}, index=table.index, dtype=object
    )
    texts.columns = table.columns[order]
    left = [i for i, column in enumerate(columns) if any(isinstance(value, str) for value in column)]
    return ShownTable(texts, left, index=not isinstance(table.index, pd.RangeIndex))


def _texts(values, digits, each):
    """The values of a column as displayed."""
    shown = [value for value in values if not _is_missing(value)]
    if each or not all(_is_number(value) for value in shown):
        return [_text(value, _decimals([value], digits)) for value in values]
    decimals = _decimals(shown, digits)
    return [_text(value, decimals) for value in values]


def _decimals(values, digits):
    """Decimals that give the largest of these numbers `digits` significant digits; 0 if all are whole."""
    sizes = [abs(value) for value in values if _is_number(value) and math.isfinite(value)]
    if all(float(size).is_integer() for size in sizes):
        return 0
    before = math.floor(math.log10(max(sizes))) + (max(sizes) != 1)  # a score of 1 is formatted like those below 1
    return int(np.clip(digits - before, 0, _MOST_DECIMALS))


def _text(value, decimals):
    if _is_missing(value):
        return "–"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return f"{value:,.{decimals}f}" if _is_number(value) else str(value)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def _is_missing(value):
    return value is None or value is pd.NA or value is pd.NaT or isinstance(value, float) and math.isnan(value)
