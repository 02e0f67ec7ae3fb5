"""Options of the wafer scripts."""

import argparse

import pytest

from mrcnn.domains.wafer.commands.arguments import (
    channel_files,
    evaluate_wafer_parser,
    names,
    predict_wafer_parser,
    size_um,
)
from mrcnn.inference import tiling

PREDICT = ["--weights", "run", "--channels", "grey=A.tif,fluo=B.tif"]


def test_channels_keep_their_order_and_may_select_a_channel_of_a_file(tmp_path):
    assert list(channel_files("grey=A.tif, fluo=B,with comma.tif").items()) == [
        ("grey", "A.tif"),
        ("fluo", "B,with comma.tif"),
    ]
    assert channel_files("a=x.ome.zarr:2") == {"a": ("x.ome.zarr", 2)}
    assert channel_files(r"grey=C:\wafers\A.tif") == {"grey": r"C:\wafers\A.tif"}
    odd = tmp_path / "wafer:3"
    odd.write_text("")
    assert channel_files(f"grey={odd}") == {"grey": str(odd)}


@pytest.mark.parametrize("text", ["A.tif", "grey=", "=A.tif", "grey=A.tif,grey=B.tif", ""])
def test_invalid_channels_are_rejected(text):
    with pytest.raises(argparse.ArgumentTypeError):
        channel_files(text)


@pytest.mark.parametrize(("kind", "text"), [(names, "grey,,fluo"), (size_um, "1,2,3"), (size_um, "1,-2")])
def test_invalid_values_are_rejected(kind, text):
    with pytest.raises(argparse.ArgumentTypeError):
        kind(text)


def test_valid_values():
    assert names("grey, grey,fluo") == ("grey", "grey", "fluo")
    assert (size_um("0.5"), size_um("0.5,0.25")) == ((0.5, 0.5), (0.5, 0.25))


def test_defaults_are_those_of_the_wafer_projects():
    options = vars(predict_wafer_parser("x").parse_args(PREDICT))
    # Tiles of 1024 pixels at the scale of the training.
    assert (options["tile"], options["overlap"], options["rule"], options["scale"]) == (None, None, "centre", 1.0)
    assert options["object_size"] == "pixel-size"
    assert options["channels"] == {"grey": "A.tif", "fluo": "B.tif"} and not options["resume"]
    evaluated = vars(evaluate_wafer_parser("x").parse_args(["--weights", "run", "--rule", "all"]))
    assert evaluated["channels"] is None and evaluated["labels"] is None and evaluated["rule"] == "all"


def test_rules_are_those_of_the_tiling():
    for rule in tiling.RULES:
        assert predict_wafer_parser("x").parse_args([*PREDICT, "--rule", rule]).rule == rule
    assert predict_wafer_parser("x").parse_args([*PREDICT, "--rule", "seed"]).rule == "corner"
    assert predict_wafer_parser("x").parse_args(PREDICT).rule == tiling.DEFAULT_RULE


@pytest.mark.parametrize(
    "more", [["--rule", "all"], ["--tile", "0"], ["--scale", "-3"], ["--min-score", "2"], ["--channels", "grey"]]
)
def test_mistyped_options_exit_with_2(more, capsys):
    with pytest.raises(SystemExit) as stop:
        predict_wafer_parser("x").parse_args([*PREDICT, *more])
    assert stop.value.code == 2
    assert "error:" in capsys.readouterr().err
