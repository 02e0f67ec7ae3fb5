"""`log`: a line about an array, as the notebooks print them."""


def log(text, array=None):
    """Print a text, and of an array its shape, smallest and largest value, and type."""
    if array is not None:
        low, high = (f"{float(v):10.5f}" for v in (array.min(), array.max())) if array.size else (" " * 10,) * 2
        text = f"{text:<25}shape: {array.shape!s:20}  min: {low}  max: {high}  {array.dtype}"
    print(text)
