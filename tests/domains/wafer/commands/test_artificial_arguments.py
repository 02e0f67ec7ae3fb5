"""Options of artificial patches."""

import pytest

from mrcnn.domains.wafer.artificial.sets import SETS
from mrcnn.domains.wafer.commands.artificial_arguments import COUNTS, artificial_parser

NEEDED = ["--labels", "x.json", "--out", "y"]


def test_values_and_defaults():
    options = vars(artificial_parser("x").parse_args(NEEDED))
    assert (options["size"], options["generator"], options["own_sections"], options["seed"]) == (
        (512, 512),
        "throw",
        None,
        0,
    )
    assert COUNTS == SETS and {name: options[name] for name in COUNTS} == SETS
    given = artificial_parser("x").parse_args(
        [*NEEDED, "--size", "200,300", "--background", "1,2,30,40", "--channels", "grey=a.tif,fluo=b.tif:1"]
    )
    assert (given.size, given.background) == ((200, 300), (2, 1, 40, 30))
    assert given.channels == {"grey": "a.tif", "fluo": ("b.tif", 1)}
    assert artificial_parser("x").parse_args([*NEEDED, "--size", "64", "--shared-sections"]).own_sections is False


def test_help_covers_every_option_and_names_the_program():
    parser = artificial_parser("Make patches.")
    parser.prog = "mrcnn wafer artificial"
    text = parser.format_help()
    assert all(action.help for action in parser._actions)
    assert "mrcnn wafer artificial --labels few.json" in text and "Make patches." in text
    assert "default 900" in text and "default 90" in text and "default 50" in text


@pytest.mark.parametrize(
    "wrong",
    [
        ["--size", "10"],
        ["--size", "200,200,200"],
        ["--channels", "fluo=b.tif"],
        ["--channels", "grey=a.tif,grey=b.tif"],
        ["--channels", "a.tif"],
        ["--background", "1,2,3"],
        ["--train", "many"],
        ["--angles", "1"],
        ["--scale", "0"],
        ["--generator", "drop"],
        ["--own-sections", "--shared-sections"],
    ],
)
def test_a_mistyped_option_is_rejected_at_once(wrong):
    with pytest.raises(SystemExit) as stop:
        artificial_parser("x").parse_args([*NEEDED, *wrong])
    assert stop.value.code == 2
