"""Columns of tables that say where a page or stack is along the axes of its file: t, z and others of one letter."""

from collections.abc import Iterable

import pandas as pd

_BEFORE = ("image", "page", "stack")  # columns that come first


def placed(table: pd.DataFrame, place: dict[str, int]) -> pd.DataFrame:
    """The table with columns of this place after those that name the image, the same in every row."""
    start = sum(name in _BEFORE for name in table.columns)
    for column, (name, index) in enumerate(place.items(), start=start):
        table.insert(column, name, pd.Series(index, index=table.index, dtype="Int64"))
    return table


def in_order(columns: Iterable[str]) -> list[str]:
    """Columns of several tables with those of places after those that name the image."""
    columns = list(dict.fromkeys(columns))
    first = [name for name in columns if name in _BEFORE]
    places = sorted(name for name in columns if len(name) == 1)
    return first + places + [name for name in columns if name not in first and name not in places]


def together(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Tables of several images as one; places are whole numbers, empty for images without such an axis."""
    table = pd.concat(tables, ignore_index=True)
    places = {name: "Int64" for name in table.columns if len(name) == 1}
    return table[in_order(table.columns)].astype(places) if places else table
