"""Evaluations count objects from their own score, and say so if it is not that of the run."""

import pytest

from mrcnn.commands import evaluation
from mrcnn.domains.hpa.commands.arguments import MIN_SCORE, compare_parser, evaluate_parser
from mrcnn.domains.hpa.domain import DOMAIN, AtlasSmallConfig


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Callable (DETECTION_MIN_CONFIDENCE) -> weights of a run with this setting."""
    asked = []
    monkeypatch.setattr(evaluation, "load_detector", lambda domain, options: asked.append(options["min_score"]))
    monkeypatch.setattr(evaluation, "complete_older_run", lambda *arguments: None)

    def make(own):
        config = AtlasSmallConfig()
        config.DETECTION_MIN_CONFIDENCE = own
        config.to_json(tmp_path / "config.json")
        (tmp_path / "weights.h5").write_bytes(b"")
        return str(tmp_path / "weights.h5")

    return make


@pytest.mark.parametrize("own", [0.9, 0.5])
def test_another_score_than_that_of_the_run_is_told(weights, own, capsys):
    path = weights(own)
    given = [
        vars(evaluate_parser("x").parse_args(["--weights", path])),
        {**vars(compare_parser("x").parse_args([path])), "weights": path},
    ]
    for options in given:
        assert evaluation.scored_detector(DOMAIN, options)[1] == MIN_SCORE
        said = capsys.readouterr().out
        assert "Objects count from a score of 0.7 (--min-score)" in said and f"keeps those from {own}" in said


def test_nothing_is_said_where_both_are_the_same_or_the_run_decides(weights, capsys):
    for own, words, wanted in ((0.7, [], 0.7), (0.9, ["--min-score", "0.9"], 0.9)):
        options = vars(evaluate_parser("x").parse_args(["--weights", weights(own), *words]))
        assert evaluation.scored_detector(DOMAIN, options)[1] == wanted and capsys.readouterr().out == ""
    options = {"weights": weights(0.9), "min_score": None}
    assert evaluation.scored_detector(DOMAIN, options)[1] == 0.9 and capsys.readouterr().out == ""
