"""Names of the stitching rules of `mrcnn.geometry.stitching`, for the command line, which does not import NumPy."""

RULES = ("centre", "merge", "corner")
_OLD_NAMES = {"seed": "corner"}


def rule_name(rule: str) -> str:
    """Current name of a rule, given its current or former name; an unknown name is returned unchanged."""
    return _OLD_NAMES.get(rule, rule)
