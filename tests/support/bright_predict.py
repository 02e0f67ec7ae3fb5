"""The real `predict` with its own options, where what is bright is an object."""

from mrcnn.commands import predict as module
from mrcnn.options.arguments import run
from mrcnn.options.predict_arguments import predict_parser


def bright_predict(monkeypatch, domain, detector, *arguments):
    """Exit code of `mrcnn predict` with these arguments; `detector` takes the place of a trained model."""
    monkeypatch.setattr(module, "load_detector", lambda domain, options: detector)
    parser = predict_parser("about")
    return run(module.predict, domain, vars(parser.parse_args(["--weights", "-", *map(str, arguments)])))
