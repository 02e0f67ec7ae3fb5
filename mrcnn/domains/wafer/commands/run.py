"""The commands `mrcnn wafer train|predict|evaluate`; options are those that the parsers in `arguments` give."""

from mrcnn.domains.wafer.domain import DOMAIN


def train(options):
    """`mrcnn wafer train`; returns the exit code, as do the others."""
    from mrcnn.domains.wafer.commands.train import train_wafer

    return train_wafer(DOMAIN, options)


def predict(options):
    """`mrcnn wafer predict`."""
    from mrcnn.domains.wafer.commands.predict import predict_wafer

    return predict_wafer(DOMAIN, options)


def evaluate(options):
    """`mrcnn wafer evaluate`."""
    from mrcnn.domains.wafer.commands.evaluate import evaluate_wafer

    return evaluate_wafer(DOMAIN, options)
