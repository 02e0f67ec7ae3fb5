"""Options of the merge."""

import pytest

from mrcnn.domains.hpa.commands.merge_arguments import merge_parser
from mrcnn.domains.hpa.fields import MISSING
from mrcnn.domains.hpa.merge import SUFFIXES


def test_choices_are_those_of_the_merge():
    for mode in SUFFIXES:
        for missing in MISSING:
            options = merge_parser("x").parse_args(["f", "--out", "o", "--mode", mode, "--missing", missing])
            assert (options.mode, options.missing, options.workers) == (mode, missing, None)
    assert merge_parser("x").parse_args(["f", "--out", "o"]).mode == "rgb"
    for wrong in (["f"], ["f", "--out", "o", "--mode", "hsv"], ["f", "--out", "o", "--workers", "0"]):
        with pytest.raises(SystemExit) as stop:
            merge_parser("x").parse_args(wrong)
        assert stop.value.code == 2


def test_help_covers_every_option_and_names_the_program():
    parser = merge_parser("Merge fields.")
    parser.prog = "mrcnn hpa merge"
    assert all(action.help for action in parser._actions)
    assert "mrcnn hpa merge train --out merged" in parser.format_help()
