"""The space of a search: read from text, drawn, stored and put into a Config."""

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config
from mrcnn.errors import ConfigError
from mrcnn.search.space import Parameter, check_space, parse_parameter, with_settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LEARNING_RATE=1e-5..1e-2:log", Parameter("LEARNING_RATE", None, 1e-5, 1e-2, True)),
        ("IMAGES_PER_GPU=2,4,8", Parameter("IMAGES_PER_GPU", (2, 4, 8))),
        (" OPTIMIZER = sgd, adam ", Parameter("OPTIMIZER", ("sgd", "adam"))),
        ("WARMUP_STEPS=0..200", Parameter("WARMUP_STEPS", None, 0, 200)),
        ("TRAIN_BN=None,True,false", Parameter("TRAIN_BN", (None, True, False))),
        ("RPN_ANCHOR_RATIOS=[[0.5, 1, 2], [1]]", Parameter("RPN_ANCHOR_RATIOS", ([0.5, 1, 2], [1]))),
    ],
)
def test_text_is_read(text, expected):
    assert parse_parameter(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "LEARNING_RATE",
        "LEARNING_RATE=",
        "=3",
        "LEARNING_RATE=a..b",
        "LEARNING_RATE=1..2:lin",
        "LEARNING_RATE=2..1",
        "LEARNING_RATE=0..1:log",
        "LEARNING_RATE=1,1",
        "LEARNING_RATE=1e-5..",
        "LEARNING_RATE=True..5",
    ],
)
def test_invalid_text_is_refused(text):
    with pytest.raises(ConfigError):
        parse_parameter(text)


@given(
    st.sampled_from(
        [
            Parameter("A", (1, 2.5, None, [1, 2])),
            Parameter("A", None, 3, 9),
            Parameter("A", None, 2, 99, True),
            Parameter("A", None, 0.5, 2.0),
            Parameter("A", None, 1e-5, 1e-1, True),
        ]
    ),
    st.integers(0, 1000),
)
def test_drawn_values_are_in_the_space_and_survive_storage(parameter, seed):
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed)).ask()
    value = parameter.suggest(trial)
    if parameter.choices:
        assert value in parameter.choices
    else:
        assert parameter.low <= value <= parameter.high
        assert isinstance(value, int) == parameter.whole
    assert parameter.read(trial.params["A"]) == value
    assert parameter.stored(value) == trial.params["A"]


def test_values_outside_of_the_space_are_not_stored():
    assert Parameter("A", (1, 2)).stored(3) is None
    assert Parameter("A", None, 1, 5).stored(2.5) is None
    assert Parameter("A", None, 1, 5).stored(7) is None
    assert Parameter("A", None, 0.1, 0.5).stored("sgd") is None
    assert Parameter("A", ([1, 2],)).stored(np.array([1, 2])) == "[1, 2]"


def test_settings_are_put_into_a_copy_as_their_defaults_are():
    config = Config(NAME="here")
    changed = with_settings(
        config,
        {
            "LEARNING_RATE": 0.5,
            "RPN_ANCHOR_SCALES": [1, 2, 3, 4, 5],
            "OPTIMIZER": "adam",
            "MEAN_PIXEL": [1.0, 2.0, 3.0],
            "TRAIN_BN": None,
        },
    )
    assert (changed.LEARNING_RATE, changed.OPTIMIZER, changed.TRAIN_BN, changed.NAME) == (0.5, "adam", None, "here")
    assert changed.RPN_ANCHOR_SCALES == (1, 2, 3, 4, 5)
    assert isinstance(changed.MEAN_PIXEL, np.ndarray)
    assert config.LEARNING_RATE == Config.LEARNING_RATE
    assert config.OPTIMIZER == "sgd"


def test_space_names_settings_each_once():
    check_space([Parameter("LEARNING_RATE", None, 0.1, 0.2), Parameter("SEED", (1, 2))], Config())
    with pytest.raises(ConfigError, match="Did you mean LEARNING_RATE"):
        check_space([Parameter("LEARNING_RAT", None, 0.1, 0.2)], Config())
    with pytest.raises(ConfigError, match="given twice"):
        check_space([Parameter("SEED", (1, 2)), Parameter("SEED", (3, 4))], Config())
    with pytest.raises(ConfigError, match="nothing to search"):
        check_space([], Config())
