import pytest

from mrcnn.errors import DataError
from mrcnn.formats import paths
from mrcnn.formats.xml_files import parsed, root_name


@pytest.mark.parametrize(
    "content, name",
    [
        (b"<annotation><x/></annotation>", "annotation"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <old> -->\n<annotations>', "annotations"),
        ('<?xml version="1.0" encoding="utf-16"?><OME xmlns="x">'.encode("utf-16"), "OME"),
        (b"", None),
        (b"\x00\x01 no markup", None),
    ],
)
def test_root(tmp_path, content, name):
    (tmp_path / "a.xml").write_bytes(content)
    assert root_name(tmp_path / "a.xml") == name
    assert root_name(tmp_path / "none.xml") is None


def test_a_file_that_is_too_large_is_not_parsed(tmp_path, monkeypatch):
    (tmp_path / "a.xml").write_text("<annotation/>")
    assert parsed(tmp_path / "a.xml", "annotation", "LabelImg").tag == "annotation"
    monkeypatch.setattr(paths, "MAX_TEXT_BYTES", 5)
    with pytest.raises(DataError, match="a.xml: has 13 bytes, more than the limit of 5"):
        parsed(tmp_path / "a.xml", "annotation", "LabelImg")
    with pytest.raises(DataError, match="more than the limit of 5"):
        paths.read_json(tmp_path / "a.xml")
