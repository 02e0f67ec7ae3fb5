"""Plain text for reading: aligned rows, numbers and lengths."""

import math

INDENT = "  "


def aligned(rows, indent=INDENT):
    """Lines of (label, text) rows, with the texts below one another; further lines of a text are indented alike."""
    width = max((len(label) for label, _ in rows), default=0)
    lines = []
    for label, text in rows:
        first, *others = str(text).splitlines() or [""]
        lines.append(f"{indent}{label.ljust(width)}  {first}".rstrip())
        lines += [f"{indent}{' ' * width}  {line}" for line in others]
    return lines


def length(nm):
    """A length in nm as text, in um from 1000 nm on (plain letters, which every terminal can show)."""
    return f"{nm / 1000:.3g} um" if nm >= 1000 else f"{nm:.3g} nm"


def pixel_size(size_nm):
    """A pixel size (y, x) in nm as text; None: unknown."""
    if size_nm is None:
        return "unknown"
    y, x = size_nm
    return length(y) if math.isclose(y, x, rel_tol=1e-4) else f"{length(y)} x {length(x)} (height x width)"


def counted(number, thing, plural=None):
    """`1 image`, `1,200 images`."""
    return f"{number:,} {thing if number == 1 else plural or thing + 's'}"


def joined(names, most=12):
    """Names separated by commas, the first `most` of them."""
    names = [str(name) for name in names]
    rest = len(names) - most
    return ", ".join(names[:most]) + (f", and {rest} more" if rest > 0 else "")
