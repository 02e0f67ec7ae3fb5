"""Options of the commands for cells: their defaults, and that the help states these."""

from mrcnn.domains.hpa.commands.arguments import MIN_SCORE, predict_parser


def test_the_help_states_how_many_images_are_drawn():
    parser = predict_parser("about")
    given = parser.parse_args(["--weights", "run", "a.tif"])
    assert (given.pictures, given.min_score) == (4, MIN_SCORE)
    text = " ".join(parser.format_help().split())
    assert "first N files; 0: none (default: 4)" in text and f"0 to 1 (default: {MIN_SCORE})" in text
