"""The detector interface: any object with `predict(images) -> list of Instances`."""


def is_detector(value):
    """Whether `value` is a detector; otherwise it creates one (a class or another callable)."""
    return hasattr(value, "predict") and not isinstance(value, type)
