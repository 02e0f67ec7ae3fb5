"""Files are there whole or not at all."""
import errno
import json

import pytest

from mrcnn.errors import DataError
from mrcnn.files import whole_file, write_json


def test_replaces_the_old_file_and_makes_the_folder(tmp_path):
    path = tmp_path / "new" / "a.csv"
    for text in ("one", "two"):
        with whole_file(path) as temporary:
            assert temporary.suffix == ".csv" and temporary.parent == path.parent
            temporary.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_disk_full_keeps_the_old_file_and_leaves_no_half_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(DataError, match="a.csv: cannot be written .*space"):
        with whole_file(path) as temporary:
            temporary.write_text("hal")
            raise OSError(errno.ENOSPC, "No space left on device")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_any_other_error_passes_through_and_leaves_nothing(tmp_path):
    with pytest.raises(KeyError):
        with whole_file(tmp_path / "a.csv") as temporary:
            temporary.write_text("half")
            raise KeyError("x")
    assert not list(tmp_path.iterdir())


def test_folder_that_is_a_file_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        with whole_file(tmp_path / "file" / "a.csv") as temporary:
            temporary.write_text("x")


def test_json_is_there_whole_or_not_at_all(tmp_path):
    path, content = tmp_path / "new" / "a.json", {"name": "\u00e5", "values": [1, None]}
    write_json(path, content)
    assert json.loads(path.read_text(encoding="utf-8")) == content
    assert path.read_bytes().startswith(b'{\n  "name"') and path.read_bytes().endswith(b"}\n")
    with pytest.raises(TypeError):
        write_json(path, {"no JSON": object()})
    assert json.loads(path.read_text(encoding="utf-8")) == content and list(path.parent.iterdir()) == [path]
    write_json(path, content, indent=None)
    assert path.read_text(encoding="utf-8").count("\n") == 1
