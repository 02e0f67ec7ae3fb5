"""What a detector is to the code that feeds it: anything with `predict(images) -> list of Instances`."""


def is_detector(value):
    """Whether this is a detector itself; False: it is what makes one, a class or another callable."""
    return hasattr(value, "predict") and not isinstance(value, type)
