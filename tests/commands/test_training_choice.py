"""From options to those of a training: networks, presets and how annotations are read."""

from dataclasses import replace

import pytest

from mrcnn.commands import own_objects
from mrcnn.commands.training_choice import training_options
from mrcnn.errors import ConfigError

ASKED = []


def find_classes(path, truth=None, options=None):
    ASKED.append((path, truth, options))
    return ["cell", "nucleus"]


@pytest.fixture
def domain():
    ASKED.clear()
    return replace(own_objects.DOMAIN, find_classes=find_classes)


def reader(options):
    return dict(options.dataset_option)


def test_classes_are_found_once_with_the_options_of_the_reader(domain):
    options = training_options(
        domain, {"dataset": "d", "truth": "t", "difficult": "drop", "dataset_option": [("suffix", "_x")], "epochs": 3}
    )
    assert ASKED == [("d", "t", {"suffix": "_x", "difficult": "drop"})]
    assert reader(options) == {"difficult": "drop", "classes": ["cell", "nucleus"], "suffix": "_x"}
    assert (options.dataset, options.truth, options.epochs, options.model, options.set) == ("d", "t", 3, None, None)


@pytest.mark.parametrize("given", [{"classes": ["b", "a"]}, {"dataset_option": [("classes", ["b", "a"])]}])
def test_given_classes_are_taken(domain, given):
    options = training_options(domain, {"dataset": "d", **given})
    assert not ASKED and reader(options)["classes"] == ["b", "a"]


def test_an_option_of_the_reader_wins_over_the_same_one_by_name(domain):
    options = training_options(domain, {"dataset": "d", "classes": ["a"], "dataset_option": [("classes", ["b"])]})
    assert reader(options)["classes"] == ["b"]


@pytest.mark.parametrize("network", ["unet", "fcn"])
def test_semantic_networks(domain, network):
    options = training_options(domain, {"network": network, "dataset": "d"})
    assert options.model == network and options.set is None and "outlines" not in reader(options)


def test_faster_rcnn_is_a_setting_and_needs_no_outlines(domain):
    options = training_options(domain, {"network": "faster", "dataset": "d", "set": ["SEED=1"]})
    assert options.model == "mask" and options.set == ("USE_MASK_HEAD=False", "SEED=1")
    assert reader(options)["outlines"] is False
    assert training_options(domain, {"network": "faster", "size": "small"}).set == ("USE_MASK_HEAD=False",)


def test_mask_rcnn_is_not_set_twice_where_the_preset_has_it(domain):
    assert training_options(domain, {"network": "mask", "size": "small"}).set is None
    assert training_options(domain, {"network": "mask"}).set == ("USE_MASK_HEAD=True",)  # a --config may say otherwise
    options = training_options(domain, {"network": "mask", "dataset": "d", "boxes_as_masks": True})
    assert reader(options)["boxes_as_masks"] is True


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"classes": ["a"]}, "--classes"),
        ({"class_map": {"a": "b"}}, "--class-map"),
        ({"images": "i"}, "--images"),
        ({"difficult": "drop"}, "--difficult"),
        ({"boxes_as_masks": True}, "--boxes-as-masks"),
    ],
)
def test_options_of_a_data_set_without_one_are_refused(domain, given, name):
    with pytest.raises(ConfigError, match=f"{name} without --dataset: also give the data set"):
        training_options(domain, {**given, "epochs": 1})


def test_without_a_data_set_nothing_is_read(domain):
    options = training_options(domain, {"epochs": 1, "network": "faster"})
    assert not ASKED and options.dataset_option is None


def test_a_domain_without_annotations(domain):
    plain = replace(domain, reads_annotations=False, find_classes=None)
    options = training_options(plain, {"dataset": "d", "network": "faster"})
    assert options.dataset_option is None
