"""Parsing of option values, and the error messages for invalid ones."""

import argparse

import pytest

from mrcnn.options.option_values import (
    count,
    dask,
    distance,
    option,
    pixel_size,
    positive_number,
    score,
    scores,
    slices,
    whole_number,
)
from mrcnn.options.tuning_arguments import hours


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (distance, "0"),
        (distance, "five"),
        (distance, "1e300"),
        (distance, "1e-9"),
        (scores, "0.7,0.3"),
        (scores, "2"),
        (count, "-1"),
        (count, "1.5"),
        (slices, "5"),
        (slices, "9:3"),
        (slices, "a:b"),
        (slices, "3:3"),
        (pixel_size, "0"),
        (pixel_size, "1e300"),
        (pixel_size, "5,1e-9"),
        (pixel_size, "x"),
        (pixel_size, "1,2,3"),
        (pixel_size, "inf"),
        (whole_number, "0"),
        (whole_number, "-1"),
        (whole_number, "1.5"),
        (score, "1.1"),
        (score, "x"),
        (positive_number, "0"),
        (positive_number, "x"),
        (positive_number, "inf"),
        (positive_number, "nan"),
        (option, "novalue"),
        (option, "=3"),
        (dask, "here"),
        (dask, "local"),
        (dask, "local:0"),
        (dask, "local:two"),
        (dask, "tcp:/host:8786"),
        (dask, "://"),
        (dask, ""),
        (hours, "0"),
        (hours, "x"),
    ],
)
def test_invalid_values_are_refused(kind, text):
    with pytest.raises(argparse.ArgumentTypeError, match=text if text.isalnum() else "'"):
        kind(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("a=3", 3), ("a=0.5", 0.5), ("a=none", None), ("a=semantic", "semantic"), ("a=True", True), ("a=false", False)],
)
def test_reader_options_that_look_like_numbers_become_numbers(text, value):
    assert option(text) == ("a", value)
    assert type(option(text)[1]) is type(value)


def test_errors_say_what_the_option_expects():
    for kind, words in (
        (positive_number, "is not a number above 0"),
        (distance, "is not a distance; write nm, such as 5"),
        (hours, "is not a duration; write hours, such as 0.5"),
    ):
        assert kind("2.5") == 2.5
        with pytest.raises(argparse.ArgumentTypeError) as error:
            kind("-1")
        assert str(error.value) == f"'-1' {words}"


def test_one_score_is_used_for_both():
    assert scores("0.5") == (0.5, 0.5)


@pytest.mark.parametrize("text", ["local:1", "local:16", "tcp://host:8786", "tls://10.0.0.1:8786"])
def test_clusters(text):
    assert dask(text) == text
