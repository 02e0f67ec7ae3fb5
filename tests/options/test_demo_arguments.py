"""Options of the demonstration."""

import pytest

from mrcnn.options.demo_arguments import EPOCHS, demo_parser


def test_defaults_and_values():
    assert vars(demo_parser("x").parse_args([])) == {"out": "demo_output", "epochs": EPOCHS, "set": None}
    given = vars(demo_parser("x").parse_args(["--epochs", "3", "--set", "A=1", "--set", "B=2"]))
    assert (given["epochs"], given["set"]) == (3, ["A=1", "B=2"])


@pytest.mark.parametrize("wrong", [["--epochs", "0"], ["--epochs", "-1"], ["--epochs", "many"], ["--ou", "x"]])
def test_mistyped_options_exit_with_2(wrong):
    with pytest.raises(SystemExit) as stop:
        demo_parser("x").parse_args(wrong)
    assert stop.value.code == 2


def test_help_names_every_option_and_what_is_replaced():
    parser = demo_parser("x")
    assert all(action.help for action in parser._actions)
    assert "its subfolders run, unseen and parts are replaced" in " ".join(parser.format_help().split())
