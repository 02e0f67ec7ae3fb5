"""The commands `mrcnn hpa train|predict|evaluate|compare`; options are those that the parsers in `arguments` give."""

from mrcnn.commands import own_objects
from mrcnn.domains.hpa.domain import DOMAIN


def train(options):
    """`mrcnn hpa train`; returns the exit code, as do the others."""
    return own_objects.train(options, DOMAIN)


def predict(options):
    """`mrcnn hpa predict`; writes detections.csv as well, the table of earlier versions."""
    return own_objects.predict({**options, "detections": True}, DOMAIN)


def evaluate(options):
    """`mrcnn hpa evaluate`."""
    return own_objects.evaluate(options, DOMAIN)


def compare(options):
    """`mrcnn hpa compare`."""
    return own_objects.compare(options, DOMAIN)
