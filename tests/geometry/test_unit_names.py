"""Names of units: spellings, escapes, wrong code pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.geometry.unit_names import NM, names_no_unit, unit_in_nm

WORDS = {
    "pm": ("pm", "picometer", "picometre", "picometers", "picometres"),
    "nm": ("nm", "nanometer", "nanometre", "nanometers", "nanometres", "Nanometer", "nanomètre"),
    "um": ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre", "micrometers", "micrometres",
           "micromètre", "Mikrometer", "µ", "㎛", "µmeter", "мкм", "微米"),
    "mm": ("mm", "millimeter", "millimetre", "millimeters", "millimetres"),
    "cm": ("cm", "centimeter", "centimetre", "centimeters", "centimetres"),
    "m": ("m", "meter", "metre", "meters", "metres"),
    "inch": ("in", "inch", "inches", '"', "″"),
    "a": ("Å", "\u212b", "A\u030a", "angstrom", "angstroms", "Ångström", "Ångströms", "A"),
}  # fmt: skip
SPELLINGS = [(word, NM[unit]) for unit, words in WORDS.items() for word in words]


@given(
    st.sampled_from(SPELLINGS),
    st.sampled_from([str, str.upper, str.lower, str.capitalize]),
    st.sampled_from(["{}", " {} ", "{}\0", "[{}]", "({})", "{}/px", "{}/pixel", "{} per pixel"]),
)
def test_every_spelling_in_any_case_and_dress(spelling, case, dress):
    word, nm = spelling
    assert unit_in_nm(dress.format(case(word))) == nm
    assert not names_no_unit(word)


@pytest.mark.parametrize(
    "text",
    [
        "\\u00B5m",
        "\\u03bcm",
        "\\xb5m",
        "&micro;m",
        "&#181;m",
        "&mu;m",
        "$\\mu$m",
        "?m",
        "\ufffdm",
    ],
)
def test_escapes_and_lost_characters(text):
    assert unit_in_nm(text) == 1e3


PAGES = ["utf-8", "latin-1", "cp1252", "mac-roman", "cp437", "cp850", "cp1253", "shift-jis", "gbk", "big5", "euc-kr"]


@given(st.sampled_from("µμ"), st.sampled_from(PAGES), st.sampled_from(PAGES))
def test_a_micrometre_that_was_written_in_one_code_page_and_read_in_another(sign, written, read):
    try:
        text = f"{sign}m".encode(written).decode(read)
    except UnicodeError:
        return
    assert unit_in_nm(text) == 1e3


@pytest.mark.parametrize("text", ["Âµm", "Î¼m", "Ã‚Âµm", "ï¿½m", "æm", "ƒÊm", "渭m", "ﾂｵm"])
def test_known_garblings_of_the_micrometre(text):
    assert unit_in_nm(text) == 1e3


def test_garbled_angstrom():
    assert [unit_in_nm(text) for text in ("Ã…", "Ã\x85", "â„«", "┼")] == [0.1] * 4


@given(st.text(max_size=20))
def test_any_text_is_a_length_or_none(text):
    found = unit_in_nm(text)
    assert found is None or found in NM.values()
    assert not (names_no_unit(text) and found)


@pytest.mark.parametrize("name", ["furlong", "ms", "s", "dpi", "u", "mol", "\ufffd", "?", "n m2", "x" * 10_000])
def test_unknown_units(name):
    assert unit_in_nm(name) is None and not names_no_unit(name)


@pytest.mark.parametrize("name", ["", " ", "pixel", "Pixels", "px", None, "reference frame", "\0"])
def test_no_unit(name):
    assert unit_in_nm(name) is None and names_no_unit(name)


@pytest.mark.parametrize("value", [3, 2.5, ["um"], b"um"])
def test_what_is_no_text_is_no_known_unit(value):
    assert unit_in_nm(value) is None and not names_no_unit(value)
