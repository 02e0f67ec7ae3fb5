"""Options of the commands for cells: their defaults, and that the help states these."""

from mrcnn.domains.hpa.commands.arguments import MIN_SCORE, compare_parser, evaluate_parser, predict_parser


def test_the_help_states_how_many_images_are_drawn():
    parser = predict_parser("about")
    assert parser.parse_args(["--weights", "run", "a.tif"]).pictures == 4
    assert "first N files; 0: none (default: 4)" in " ".join(parser.format_help().split())


def test_a_prediction_uses_the_score_of_the_run_and_says_so():
    parser = predict_parser("about")
    assert parser.parse_args(["--weights", "run", "a.tif"]).min_score is None
    text = " ".join(parser.format_help().split())
    assert "lower score, 0 to 1 (default: DETECTION_MIN_CONFIDENCE of the settings)" in text


def test_evaluation_and_comparison_keep_their_own_score():
    for parser, words in ((evaluate_parser("x"), ["--weights", "run"]), (compare_parser("x"), ["run"])):
        assert parser.parse_args(words).min_score == MIN_SCORE == 0.7
        assert "objects of all scores (default: 0.7)" in " ".join(parser.format_help().split())
