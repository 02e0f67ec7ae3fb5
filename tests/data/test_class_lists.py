import pytest

from mrcnn.data.class_lists import check_same_classes, same_classes
from mrcnn.data.dataset import Dataset
from mrcnn.errors import ConfigError


def of_classes(*names):
    dataset = Dataset()
    for i, name in enumerate(names, start=1):
        dataset.add_class("s", i, name)
    dataset.prepare()
    return dataset


@pytest.mark.parametrize(
    ("names", "others", "same"),
    [
        (["BG", "a", "b"], ("BG", "a", "b"), True),
        (["BG", "a", "b"], ["BG", "b", "a"], False),
        (["BG", "a", "b"], ["BG", "a"], False),
        (["BG", "a"], ["BG", "b"], True),
        (None, ["BG", "b"], True),
    ],
)
def test_same_classes(names, others, same):
    assert same_classes(names, others) == same_classes(others, names) == same


def test_both_lists_are_named():
    check_same_classes(of_classes("a", "b"), of_classes("a", "b"))
    check_same_classes(of_classes("mitochondrion"), of_classes("object"))
    with pytest.raises(ConfigError, match=r"classes a, b, but the validation set b, a.*classes=\['a', 'b'\]"):
        check_same_classes(of_classes("a", "b"), of_classes("b", "a"))
