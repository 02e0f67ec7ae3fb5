"""Command line options of the commands for cells; imports neither Keras nor NumPy."""

from mrcnn.options import evaluate_arguments, predict_arguments, train_arguments

SETTINGS = ("keras-frcnn", "matterport")  # presets besides those for every kind of object
MIN_SCORE = 0.7  # of evaluations and comparisons, as in the first comparison of networks for these cells


def train_parser(description):
    """Options of a training on annotated cells."""
    presets = (*train_arguments.PRESETS, *SETTINGS)
    return train_arguments.train_parser(description, ("mask", "faster"), presets, prepares=False)


def predict_parser(description):
    """Options of a prediction: tables for screens, which have too many images for files of each."""
    return predict_arguments.predict_parser(description, write=predict_arguments.BOX_DEFAULT, pictures=4)


def evaluate_parser(description):
    """Options of an evaluation by boxes, of objects above `MIN_SCORE`."""
    return evaluate_arguments.evaluate_parser(description, MIN_SCORE, "boxes")


def compare_parser(description):
    """Options of a comparison by boxes, of objects above `MIN_SCORE`."""
    return evaluate_arguments.compare_parser(description, MIN_SCORE, "boxes")
