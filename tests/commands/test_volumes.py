"""Volumes of the stacks in a file."""

from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from mrcnn.commands.volumes import slice_remark, write_volumes
from mrcnn.geometry.instances import Instances
from mrcnn.results.linking import LinkSettings

WRITER = SimpleNamespace(link=LinkSettings(), names=("BG", "cell"))


def page_of(axes, pages):
    source = SimpleNamespace(page_axes=axes, pages=pages)
    return SimpleNamespace(name="a.tif", stem="a", source=source, pages=pages)


def squares(*corners):
    """Instances of 3 x 3 pixels at these columns."""
    labels = np.zeros((8, 40), int)
    for value, x in enumerate(corners, start=1):
        labels[2:5, x : x + 3] = value
    return Instances.from_label_image(labels)


@pytest.mark.parametrize("order", ["tz", "zt"])
def test_values_are_unique_in_the_file_and_tables_name_them(tmp_path, order):
    at = {(0, 0): squares(1, 20), (0, 1): squares(1, 20), (1, 0): squares(), (1, 1): squares(30)}
    places = [(i, j) for i in range(2) for j in range(2)]
    found = [at[place if order == "tz" else place[::-1]] for place in places]
    tables = write_volumes(WRITER, tmp_path, page_of(tuple((a, 2) for a in order), 4), found, (100, 100), 50)
    objects, stacks = tables["objects"], tables["stacks"]
    assert objects[["t", "object", "z_first", "z_last"]].values.tolist() == [[0, 1, 0, 1], [0, 2, 0, 1], [1, 3, 1, 1]]
    assert stacks[["t", "count"]].values.tolist() == [[0, 2], [1, 1]] and set(stacks["labels"]) == {"a_objects.tif"}
    written = tifffile.imread(tmp_path / "a_objects.tif")
    assert written.shape == (2, 2, 8, 40)
    for row in objects.itertuples():
        inside = written[row.t] == row.object
        assert inside.sum() == row.voxels and np.flatnonzero(inside.any(axis=(1, 2)))[0] == row.z_first
        assert (written == row.object).sum() == row.voxels


def test_a_stack_without_objects_has_the_same_columns(tmp_path):
    tables = [
        write_volumes(WRITER, tmp_path, page_of((("t", 2), ("z", 2)), 4), [one] * 4, (100, 100), 50)
        for one in (squares(), squares(1))
    ]
    for name in ("objects", "stacks"):
        empty, full = (table[name] for table in tables)
        assert list(empty.columns) == list(full.columns) and list(empty.dtypes) == list(full.dtypes)
    assert len(tables[0]["objects"]) == 0 and tables[0]["stacks"]["count"].tolist() == [0, 0]


def test_a_movie_has_no_volumes(tmp_path):
    page = page_of((("t", 2),), 2)
    assert write_volumes(WRITER, tmp_path, page, [squares(1)] * 2, (100, 100), 50) == {}
    assert not list(tmp_path.iterdir())
    assert slice_remark(page.source).startswith("its pages are counted along T and are no slices (Z)")
    assert slice_remark(page_of((), 1).source) is slice_remark(page_of((("z", 2),), 2).source) is None
