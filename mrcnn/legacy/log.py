"""`log`: print a line about an array, as in the notebooks."""


def log(text, array=None):
    """Print a text and, if an array is given, its shape, minimum, maximum and dtype."""
    if array is not None:
        low, high = (f"{float(v):10.5f}" for v in (array.min(), array.max())) if array.size else (" " * 10,) * 2
        text = f"{text:<25}shape: {array.shape!s:20}  min: {low}  max: {high}  {array.dtype}"
    print(text)
