"""The names of the rules of `mrcnn.geometry.tiles`, for the command line, which imports no NumPy."""

RULES = ("centre", "merge", "seed")
