"""Options of `evaluate` and `compare`."""

import subprocess
import sys

import pytest

from mrcnn.options.evaluate_arguments import compare_parser, evaluate_parser


@pytest.fixture(params=["evaluate", "compare"])
def parsed(request):
    """Callable (*arguments, **defaults): the options of either command."""
    parser, needed = {"evaluate": (evaluate_parser, ["--weights", "w"]), "compare": (compare_parser, ["w"])}[
        request.param
    ]
    return lambda *arguments, **defaults: parser("x", **defaults).parse_args([*needed, *arguments])


def test_options_of_stacks_and_of_annotations_are_read(parsed):
    found = parsed(
        *"--dataset s.tif --truth t.tif --slices 1:3 --pixel-size-nm 5 --dataset-option min_size_px=3".split(),
        *"--keep-rows 0:32 --downscale 4 --flips --plain --limit 2 --min-score 0.3 --iou 0.4 --by boxes".split(),
    )
    assert (found.dataset, found.truth, found.slices, found.pixel_size_nm) == ("s.tif", "t.tif", (1, 3), (5.0, 5.0))
    assert (found.keep_rows, found.downscale, found.flips, found.plain, found.limit) == ((0, 32), 4, True, True, 2)
    assert (found.min_score, found.iou, found.by, found.dataset_option) == (0.3, 0.4, "boxes", [("min_size_px", 3)])
    found = parsed(*"--annotations a.json --images i --classes a,b --class-map x=a,y= --difficult drop".split())
    assert (found.dataset, found.images, found.classes, found.difficult) == ("a.json", "i", ["a", "b"], "drop")
    assert found.class_map == {"x": "a", "y": None}


def test_defaults_are_those_of_the_settings_or_of_the_script(parsed):
    assert (parsed().min_score, parsed().by, parsed().iou, parsed().dataset) == (None, "masks", 0.5, None)
    own = parsed(min_score=0.7, by="boxes")
    assert (own.min_score, own.by) == (0.7, "boxes")
    assert parsed("--by", "masks", "--min-score", "0", min_score=0.7, by="boxes").min_score == 0


@pytest.mark.parametrize("value", ["0", "1.5", "x", "-1", "nan"])
def test_an_iou_that_matches_everything_or_nothing_is_refused(parsed, value, capsys):
    with pytest.raises(SystemExit):
        parsed("--iou", value)
    assert "above 0 and up to 1" in capsys.readouterr().err


def test_numbers_of_figures(capsys):
    assert evaluate_parser("x").parse_args(["--weights", "w", "--worst", "0"]).worst == 0
    for parser in (evaluate_parser, compare_parser):
        words = " ".join(parser("x").format_help().split())
        assert "labels/CLASS/" in words and "LabelImg" in words and "README" not in words
    assert compare_parser("x").parse_args(["a=b", "c", "--pictures", "0"]).models == ["a=b", "c"]
    with pytest.raises(SystemExit):
        evaluate_parser("x").parse_args(["--weights", "w", "--worst", "-1"])


@pytest.mark.parametrize("parser", ["evaluate_parser", "compare_parser"])
def test_help_needs_neither_keras_nor_numpy(parser):
    module = "mrcnn.options.evaluate_arguments"
    code = f"import sys, {module} as o; print(o.{parser}('x').format_help(), *sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "--annotations" in said and "scores (default: DETECTION_MIN_CONFIDENCE" in " ".join(said.split())
    assert not {"keras", "tensorflow", "jax", "numpy", "matplotlib"} & set(said.split())
