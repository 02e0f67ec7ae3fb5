"""Options of `mrcnn predict`, and one clear line for values that cannot be used."""

import pytest

from mrcnn.options.predict_arguments import BOX_DEFAULT, MASK_DEFAULT, WRITERS, predict_parser

GIVEN = ["--weights", "run", "a.tif"]


def parsed(*arguments, **defaults):
    return predict_parser("about", **defaults).parse_args([*GIVEN, *arguments])


def test_defaults():
    found = parsed()
    assert (found.images, found.tile, found.object_size, found.out) == (["a.tif"], "auto", None, "predictions")
    assert found.write is None and found.min_score is None and not (found.resume or found.masks or found.cells)
    assert parsed(min_score=0.3).min_score == 0.3 and parsed("--min-score", "0.7", min_score=0.3).min_score == 0.7
    assert {*MASK_DEFAULT, *BOX_DEFAULT} <= WRITERS.keys()


@pytest.mark.parametrize(("text", "value"), [("auto", "auto"), ("off", "off"), ("32", 32), ("2048", 2048)])
def test_tiles(text, value):
    assert parsed("--tile", text).tile == value


@pytest.mark.parametrize(
    ("text", "value"), [("auto", "auto"), ("off", "off"), ("pixel-size", "pixel-size"), ("30", 30.0), ("2.5", 2.5)]
)
def test_object_sizes(text, value):
    assert parsed("--object-size", text).object_size == value


def test_what_to_write_is_a_list_without_repetitions():
    assert parsed("--write", " rois, labels,rois").write == ("rois", "labels")
    assert parsed("--write", ",".join(WRITERS)).write == tuple(WRITERS)


@pytest.mark.parametrize(
    ("option", "values", "cure"),
    [
        ("--tile", ["31", "0", "-5", "1.5", "large", "", "1e3", "²"], "write auto, off or at least 32 pixels"),
        ("--object-size", ["0", "-3", "nan", "inf", "big", ""], "write pixel-size, auto, off or a diameter in pixels"),
        ("--write", ["label", "labels,xls", "", ","], "choose from labels, zarr, overlay"),
        ("--min-score", ["2", "-0.1"], "is not a number from 0 to 1"),
        ("--overlays", ["-1", "x", "²"], "is not a whole number of at least 0"),
        ("--part-size", ["0", "x"], "is not a whole number of at least 1"),
        ("--link-scores", ["0.7,0.3"], "the lower score comes first"),
        ("--dask", ["here", "local:0", "local:"], "write local:N with at least one process, or the address"),
    ],
)
def test_bad_values_are_one_clear_line(option, values, cure, capsys):
    for value in values:
        with pytest.raises(SystemExit) as ended:
            parsed(f"{option}={value}")
        assert ended.value.code == 2
        last = capsys.readouterr().err.splitlines()[-1]
        assert (
            f"error: argument {option}:" in last
            and f"'{value.split(',')[-1] if value == 'labels,xls' else value}'" in last
        )
        assert cure in last


def test_abbreviations_and_missing_weights_are_refused(capsys):
    with pytest.raises(SystemExit):
        parsed("--over", "3")
    with pytest.raises(SystemExit):
        predict_parser("about").parse_args(["a.tif"])
    assert "--weights" in capsys.readouterr().err


def test_help_names_what_can_be_written_but_not_the_old_words():
    text = " ".join(predict_parser("about").format_help().split())
    for name in WRITERS:
        assert f"{name}: " in text
    for old in ("--rois", "--masks", "--cells"):
        assert old not in text and getattr(parsed(old), old.strip("-")) is True
