"""What a detector is to the code that feeds it: anything with `predict(images) -> list of Instances`."""


def is_detector(value):
    """Whether this detects, or is what makes a detector."""
    return hasattr(value, "predict") and not isinstance(value, type)
