"""Options of the trainings."""

import pytest

from mrcnn.options.train_arguments import NETWORKS, train_parser


def given(*arguments, **options):
    return vars(train_parser("about", **options).parse_args(arguments))


def test_options_that_are_not_given_are_absent():
    assert given() == {}


@pytest.mark.parametrize("network", NETWORKS)
def test_networks_and_the_old_word_for_them(network):
    assert given("--network", network) == given("--model", network) == {"network": network}


@pytest.mark.parametrize("word", ["--preset=small", "--small", "--settings=small"])
def test_presets_and_the_old_words_for_them(word):
    assert given(word) == {"size": "small"}


def test_options_are_read():
    found = given(
        *"--dataset d --annotations a --images i --classes nucleus,cell --class-map x=cell,y= --difficult drop".split(),
        *"--boxes-as-masks --validation 0.1 --validation-annotations v --slices 0:9 --no-augmentation".split(),
        *"--exclude a,b, --set A=1 --set B=2 --epochs 3 --hours 0.5 --learning-rate 0.1 --keep-rows all".split(),
        *"--downscale 2 --pixel-size-nm 5,4 --layers heads --seed 7 --resume --logs out --config c.json".split(),
    )
    assert found == {
        "dataset": "a",
        "images": "i",
        "classes": ["nucleus", "cell"],
        "class_map": {"x": "cell", "y": None},
        "difficult": "drop",
        "boxes_as_masks": True,
        "validation": 0.1,
        "validation_dataset": "v",
        "slices": (0, 9),
        "augmentation": "none",
        "exclude": ["a", "b"],
        "set": ["A=1", "B=2"],
        "epochs": 3,
        "hours": 0.5,
        "learning_rate": 0.1,
        "keep_rows": "all",
        "downscale": 2,
        "pixel_size_nm": (5.0, 4.0),
        "layers": "heads",
        "seed": 7,
        "resume": True,
        "logs": "out",
        "config": "c.json",
    }


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, ["--network", "segnet"]),
        ({"networks": ("mask",)}, ["--network", "unet"]),
        ({"networks": ("mask", "faster")}, ["--hours", "1"]),
        ({"presets": ("full",)}, ["--preset", "demo"]),
        ({"prepares": False}, ["--downscale", "2"]),
        ({"annotations": False}, ["--classes", "a"]),
        ({}, ["--preset", "small", "--config", "c.json"]),
        ({}, ["--small", "--preset", "full"]),
        ({}, ["--classes", "a,a"]),
        ({}, ["--classes", "a,"]),
        ({}, ["--class-map", "a"]),
        ({}, ["--epochs", "0"]),
        ({}, ["--hours", "-1"]),
        ({}, ["--slices", "9:3"]),
        ({}, ["--epoch", "3"]),  # no abbreviations
    ],
)
def test_what_is_not_offered_or_not_valid_is_refused(options, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        given(*arguments, **options)
    assert ended.value.code == 2 and "error:" in capsys.readouterr().err.splitlines()[-1]


def test_help_of_every_combination_is_complete():
    for networks in (NETWORKS, ("mask",), ("mask", "faster")):
        text = train_parser("about", networks, ("full",), False, False).format_help()
        assert ("--hours" in text) == ("unet" in networks) and "U-Net, FCN and" not in text or "unet" in networks
        words = " ".join(text.split())
        assert "images/ with labels/" in words and "Masks/NAME/" in words and "classes.csv" in words
        assert "LabelImg" not in words and "README" not in words
        assert "LabelImg" in " ".join(train_parser("about", networks).format_help().split())
        assert "--settings" not in text and "--small" not in text and "None" not in text
