"""Names of units of length, as the programs of microscopes spell, escape and garble them."""

import functools
import html
import itertools
import re
import unicodedata

# Nanometres per unit, by the unit's short name.
NM = {
    "pm": 1e-3,
    "a": 0.1,
    "nm": 1.0,
    "um": 1e3,
    "mm": 1e6,
    "cm": 1e7,
    "dm": 1e8,
    "m": 1e9,
    "km": 1e12,
    "in": 2.54e7,
    "inch": 2.54e7,
    "mil": 2.54e4,
}
# No microscope has pixels smaller than 1 pm or larger than 1 m: a file or an option that says so is mistaken.
SMALLEST_NM, LARGEST_NM = NM["pm"], NM["m"]
LONGEST = 64  # characters of a name of a unit; more is not one

_PREFIXES = {
    **{"pico": "p", "nano": "n", "micro": "u", "mikro": "u", "u": "u", "milli": "m", "mili": "m"},
    **{"centi": "c", "zenti": "c", "deci": "d", "dezi": "d", "kilo": "k", "": ""},
}
_METRES = ("meter", "meters", "metre", "metres", "metro", "metros", "metri")
_WORDS = {
    **{prefix + name: NM[f"{short}m"] for (prefix, short), name in itertools.product(_PREFIXES.items(), _METRES)},
    **dict.fromkeys(("micron", "microns", "micra", "micras", "u"), NM["um"]),
    **dict.fromkeys(("angstrom", "angstroms", "angstr\u00f8m", "angstroem", "ang"), NM["a"]),
    **dict.fromkeys(("inches", "zoll", '"', "''", "\u2032\u2032"), NM["inch"]),
    **dict.fromkeys(("thou", "mils", "thous"), NM["mil"]),
    # Chinese, Japanese and Russian
    **{"\u5fae\u7c73": NM["um"], "\u7eb3\u7c73": NM["nm"], "\u5948\u7c73": NM["nm"], "\u6beb\u7c73": NM["mm"]},
    **{"\u30df\u30af\u30ed\u30f3": NM["um"], "\u043c\u043a\u043c": NM["um"], "\u043d\u043c": NM["nm"]},
    "\u043c\u043c": NM["mm"],
}
_NO_UNIT = {"pixel", "pixels", "px", "pix", "voxel", "voxels", "none", "null", "unknown", "referenceframe", ""}
_MICRO, _ANGSTROM = "\u00b5\u03bc", "\u00c5\u212b"  # each has two characters in Unicode
# Code pages in which programs of one country or system write a file, and those of another one read it.
_WESTERN = ("utf-8", "latin-1", "cp1252", "mac-roman", "cp437", "cp850")
_ALL = (*_WESTERN, "cp1253", "iso8859-7", "cp1250", "cp1251", "shift-jis", "euc-jp", "gbk", "big5", "euc-kr")


def unit_in_nm(text):
    """Nanometres in one unit of length, however programs spell it; None for pixels, unknown names and what is no text.

    Known are short names and words, British, American and of some other languages, singular and plural, in small and
    capital letters; both characters of micro and of angstrom, also escaped, as entities, or garbled by a wrong code
    page; and "um/pixel".

    Examples
    --------
    >>> [unit_in_nm(u) for u in ("um", "micrometres", "\\u00c2\\u00b5m", "Angstroms", "pixel", "furlong")]
    [1000.0, 1000.0, 1000.0, 0.1, None, None]
    """
    return _in_nm(text) if isinstance(text, str) and len(text) <= LONGEST else None


def names_no_unit(text):
    """Whether what stands for a unit says that there is none: nothing, or pixels."""
    return text is None or (isinstance(text, str) and len(text) <= LONGEST and _plain(_unescaped(text)) in _NO_UNIT)


@functools.lru_cache(maxsize=256)
def _in_nm(text):
    text = _unescaped(text)
    if text in ("u", "U"):
        return None  # as likely the first letter of "unit"; a micro sign alone is a micron
    if text in _garbled_micrometres():
        return NM["um"]
    name = _plain(text)
    return NM.get(name) or _WORDS.get(name) or (NM["a"] if text in _garbled_angstrom() else None)


def _unescaped(text):
    """The text without escapes (\\u00B5, \\xb5, &micro;), what encloses it, and "per pixel" after it."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1] or m[2], 16)), text)
    text = html.unescape(text.replace("$", "").replace("\\mu", _MICRO[0])).strip(" \t\r\n\0[]()")
    return re.sub(r"\s*(/|\bper\b)\s*(pixel|voxel|pix|px)s?$", "", text, flags=re.IGNORECASE)


def _plain(text):
    """The text in small letters without accents, spaces and final dots, with u for micro and a for angstrom."""
    text = unicodedata.normalize("NFKC", text).replace(_ANGSTROM[0], "a").casefold()
    text = unicodedata.normalize("NFKD", re.sub(f"[{_MICRO}]", "u", text))
    return re.sub(r"\s", "", "".join(c for c in text if not unicodedata.combining(c))).rstrip(".")


@functools.cache
def _garbled_micrometres():
    """What a micrometre becomes that is written in one code page and read in another; no other unit looks like these.

    A character that a program could not write or read is ? or U+FFFD: of the units, only this one has such a character
    before its m.
    """
    return {"?m"}.union(*(_garbled(f"{sign}m", _ALL) for sign in _MICRO))


@functools.cache
def _garbled_angstrom():
    """The same for angstrom, which is a single character, without what a micro sign becomes."""
    micro = set().union(*(_garbled(sign, _ALL) for sign in _MICRO))
    return set().union(*(_garbled(sign, _WESTERN) for sign in _ANGSTROM)) - micro - {"\ufffd"}


def _garbled(text, pages):
    once = set().union(*(_read_wrongly(text, page, pages) for page in pages))
    twice = set().union(*(_read_wrongly(first, "utf-8", ("latin-1", "cp1252")) for first in once if len(first) < 5))
    return {found for found in once | twice if not found.isascii() and set(found) != {"\ufffd"}} - {text}


def _read_wrongly(text, written, pages):
    found = set()
    for page in pages:
        try:
            found.add(text.encode(written).decode(page, "replace" if page == "utf-8" else "strict"))
        except UnicodeError:
            continue
    return found
