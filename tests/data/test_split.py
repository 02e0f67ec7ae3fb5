import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.data.dataset import Dataset
from mrcnn.data.split import split
from mrcnn.errors import ConfigError, DataError


def dataset(groups, pages=False):
    made = Dataset()
    for i, group in enumerate(groups):
        made.add_image("a", i, "stack.tif", group=group, **({"page": i} if pages else {}))
    made.prepare()
    return made


GROUPS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40)


@given(GROUPS, st.integers(0, 2**32), st.sampled_from([(0.8, 0.2), (0.5, 0.25, 0.25), (1.0,), (0.01, 0.99)]))
def test_parts_hold_everything_once_and_tear_no_group(groups, seed, fractions):
    data = dataset(groups)
    if len(set(groups)) < len(fractions):
        with pytest.raises(DataError, match="source images"):
            split(data, fractions, seed)
        return
    parts = split(data, fractions, seed)
    assert sorted(np.concatenate(parts)) == list(range(len(groups)))
    held = [{groups[i] for i in part} for part in parts]
    assert all(held) and sum(len(h) for h in held) == len(set(groups))
    for part, again in zip(parts, split(data, fractions, seed), strict=True):
        np.testing.assert_array_equal(part, again)


def test_shares_are_met_and_seeds_differ():
    data = dataset([f"g{i}" for i in range(100)])
    first, second = split(data, seed=1), split(data, seed=2)
    assert [len(p) for p in first] == [80, 20] and first[1].tolist() != second[1].tolist()
    assert [len(p) for p in split(data, validation=0.1)] == [90, 10]


def test_two_groups_give_two_parts():
    train, validation = split(dataset("aaab"), validation=0.1)
    assert (train.tolist(), validation.tolist()) == ([0, 1, 2], [3])


def test_one_group_is_an_error_with_a_cure():
    with pytest.raises(DataError, match="only 1 source images.*smaller blocks"):
        split(dataset("aaaa"))
    with pytest.raises(DataError, match="no images to split"):
        split(dataset(""))


@pytest.mark.parametrize(
    "options",
    [
        {"fractions": (0.8, 0.3)},
        {"fractions": (1.0, 0.0)},
        {"fractions": "ab"},
        {"fractions": ()},
        {"validation": 1.5},
        {"gap": -1},
        {"gap": 0.5},
    ],
)
def test_wrong_options(options):
    with pytest.raises(ConfigError, match="fractions|gap"):
        split(dataset("abcd"), **options)


@given(st.integers(1, 4), st.integers(0, 50))
def test_a_gap_keeps_slices_apart(gap, seed):
    data = dataset([str(i // 20) for i in range(200)], pages=True)
    train, validation = split(data, seed=seed, gap=gap)
    assert np.abs(train[:, None] - validation[None]).min() > gap
    full = split(data, seed=seed)
    np.testing.assert_array_equal(validation, full[1])
    assert set(train) <= set(full[0])


def test_a_gap_that_leaves_nothing_is_an_error():
    with pytest.raises(ConfigError, match="smaller gap"):
        split(dataset("aabb", pages=True), (0.5, 0.5), gap=5)
