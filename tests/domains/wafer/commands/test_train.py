"""Options of a training on patches."""

import pytest

from mrcnn.domains.wafer.commands import train as command
from mrcnn.domains.wafer.commands.arguments import train_wafer_parser
from mrcnn.domains.wafer.commands.train import train_wafer
from mrcnn.domains.wafer.domain import DOMAIN
from mrcnn.errors import ConfigError, DataError


def parsed(*options):
    return vars(train_wafer_parser("x").parse_args([str(option) for option in options]))


def test_channels_are_an_option_of_the_reader(monkeypatch):
    given = []
    monkeypatch.setattr(command, "train", lambda domain, options: given.append(options) or 0)
    options = parsed("--dataset", "a", "--dataset-option", "threshold=3", "--channels", "grey,edges", "--epochs", "2")
    before = dict(options)
    assert train_wafer(DOMAIN, options) == 0 and options == before
    assert given[0].dataset_option == (("threshold", 3), ("channels", "grey,edges")) and given[0].epochs == 2
    assert train_wafer(DOMAIN, parsed("--resume", "--channels", "grey")) == 0
    assert given[1].resume and given[1].dataset_option == (("channels", "grey"),)
    assert train_wafer(DOMAIN, parsed()) == 0 and given[2].given() == {}


def test_channels_without_patches_are_an_error():
    with pytest.raises(ConfigError, match="--channels without --dataset"):
        train_wafer(DOMAIN, parsed("--channels", "grey,fluo"))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nothing"):
        train_wafer(DOMAIN, parsed("--dataset", tmp_path / "nothing", "--logs", tmp_path / "logs"))
    assert not (tmp_path / "logs").exists()


def test_options_are_those_of_patches(capsys):
    parser = train_wafer_parser("x")
    assert all(action.help for action in parser._actions)
    for wrong in (["--network", "unet"], ["--preset", "keras-frcnn"], ["--classes", "a"], ["--keep-rows", "0:9"]):
        with pytest.raises(SystemExit) as stop:
            parser.parse_args(wrong)
        assert stop.value.code == 2
