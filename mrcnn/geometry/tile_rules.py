"""The names of the rules of `mrcnn.geometry.stitching`, for the command line, which imports no NumPy."""

RULES = ("centre", "merge", "corner")
_OLD_NAMES = {"seed": "corner"}


def rule_name(rule: str) -> str:
    """The name of a rule, also by the name that it had before; an unknown one comes back as it is."""
    return _OLD_NAMES.get(rule, rule)
