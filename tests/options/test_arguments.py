"""Options of the scripts, and errors reported as one line and an exit code."""

import subprocess
import sys

import pytest

from mrcnn.errors import DataError
from mrcnn.options.arguments import run
from mrcnn.options.evaluate_arguments import evaluate_parser
from mrcnn.options.predict_arguments import predict_parser
from mrcnn.options.train_arguments import train_parser


def test_training_options_that_are_not_given_are_absent():
    assert vars(train_parser("x").parse_args([])) == {}


@pytest.mark.parametrize(("text", "rows"), [("0:3264", (0, 3264)), ("all", "all")])
def test_images_can_be_prepared_if_a_sample_offers_it(text, rows):
    asked = ["--keep-rows", text, "--downscale", "4"]
    for parser, rest in (
        (train_parser("x"), []),
        (predict_parser("x"), ["--weights", "w", "i.tif"]),
        (evaluate_parser("x"), ["--weights", "w"]),
    ):
        found = parser.parse_args([*asked, *rest])
        assert (found.keep_rows, found.downscale) == (rows, 4)
        with pytest.raises(SystemExit):
            parser.parse_args(["--keep-rows", "9:3", *rest])
    with pytest.raises(SystemExit):
        train_parser("x", prepares=False).parse_args(asked)


def test_networks_are_those_that_a_domain_has():
    for word in ("--network", "--model"):  # the second is the word of earlier versions
        given = vars(train_parser("x").parse_args([word, *"unet --hours 0.5".split()]))
        assert given == {"network": "unet", "hours": 0.5}
    for options in (["--network", "unet"], ["--hours", "1"], ["--preset", "demo"]):
        with pytest.raises(SystemExit):
            train_parser("x", ("mask", "faster"), ("small",)).parse_args(options)
    with pytest.raises(SystemExit):
        train_parser("x").parse_args(["--network", "segnet"])
    predicting = predict_parser("x").parse_args(["i.tif", "--weights", "w", "--flips"])
    assert predicting.flips and evaluate_parser("x").parse_args(["--weights", "w", "--flips"]).flips


def test_training_options_are_read():
    given = vars(
        train_parser("x").parse_args(
            "--dataset s.tif --truth t.tif --slices 0:120 --validation-slices 120:130 --weights none "
            "--backbone resnet50 --epochs 3 --steps 5 --layers heads --logs out --resume --seed 7 --set NAME=a "
            "--set IMAGES_PER_GPU=1 --no-augmentation --small --pixel-size-nm 5,4 "
            "--dataset-option min_size_px=30".split()
        )
    )
    assert given["slices"] == (0, 120)
    assert given["validation_slices"] == (120, 130)
    assert given["set"] == ["NAME=a", "IMAGES_PER_GPU=1"]
    assert (given["augmentation"], given["size"], given["resume"]) == ("none", "small", True)
    assert given["pixel_size_nm"] == (5.0, 4.0)
    assert given["dataset_option"] == [("min_size_px", 30)]


def test_prediction_options_are_read():
    given = predict_parser("x").parse_args(["--weights", "run", "--min-score", "0.4", "a.tif", "b.tif"])
    assert (given.images, given.min_score, given.out, given.pixel_size_nm) == (
        ["a.tif", "b.tif"],
        0.4,
        "predictions",
        None,
    )


def test_linking_options_are_read():
    given = predict_parser("x").parse_args(
        "--weights run --link-slices --slice-distance-nm 5 --link-scores 0.3,0.7 --link-gap 1 a.tif".split()
    )
    assert (given.link_slices, given.slice_distance_nm, given.link_scores, given.link_gap) == (True, 5, (0.3, 0.7), 1)
    assert not predict_parser("x").parse_args(["--weights", "run", "a.tif"]).link_slices


def test_mistyped_option_exits_with_2(capsys):
    with pytest.raises(SystemExit) as stop:
        evaluate_parser("x").parse_args(["--weigths", "run"])
    assert stop.value.code == 2
    assert "--weights" in capsys.readouterr().err


def fail(error):
    raise error


def test_run_prints_errors_without_traceback(capsys):
    assert run(lambda: 1) == 1
    assert run(fail, DataError("a.tif", "is broken", "Copy it again")) == 2
    assert capsys.readouterr().err == "error: a.tif: is broken. Copy it again\n"
    assert run(fail, KeyboardInterrupt()) == 130
    assert run(fail, OSError(28, "No space left on device")) == 2
    assert "No space left" in capsys.readouterr().err
    assert run(fail, BrokenPipeError(32, "Broken pipe")) == 2  # of something else than standard output
    assert "Broken pipe" in capsys.readouterr().err


def test_run_does_not_hide_bugs():
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)


def test_options_need_neither_keras_nor_numpy():
    code = "import sys, mrcnn.options.train_arguments as a; a.train_parser('x').format_help(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"keras", "tensorflow", "jax", "numpy", "matplotlib"} & set(loaded)
