"""Files and folders are written completely or not at all."""

import errno
import json
import os
from pathlib import Path

import pytest

from mrcnn.errors import DataError
from mrcnn.files import draft_of, name_problem, path_inside, remove_drafts, whole_file, whole_folder, write_json


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


def test_errors_of_a_draft_come_as_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), draft_of(tmp_path / "absent" / "a.csv") as draft:
        draft.write_text("x")
    assert not list(tmp_path.iterdir())


def test_flushed_before_it_takes_its_place(tmp_path, monkeypatch):
    path, flushed = tmp_path / "a.csv", []
    monkeypatch.setattr("os.fsync", lambda number: flushed.append((os.fstat(number).st_size, path.exists())))
    with whole_file(path, flush=True) as draft:
        draft.write_text("four")
    with whole_file(tmp_path / "b.csv") as draft:
        draft.write_text("five")
    assert flushed == [(4, False)] and path.read_text() == "four"


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "folder"
    with pytest.raises(KeyError), whole_folder(path) as draft:
        (draft / "half").write_text("")
        raise KeyError
    assert not list(path.parent.iterdir())
    with whole_folder(path) as draft:
        (draft / "a").write_text("one")
        assert not path.exists()
    assert [p.name for p in path.parent.iterdir()] == ["folder"] and (path / "a").read_text() == "one"


def test_a_folder_is_replaced_only_when_asked_for(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").write_text("")
    with pytest.raises(DataError, match="folder: cannot be written .*not empty.*Another cure"):
        with whole_folder(path, cure="Another cure"):
            pass
    assert [p.name for p in path.iterdir()] == ["old"]
    with pytest.raises(DataError, match="No space"), whole_folder(path, replace=True):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [p.name for p in path.iterdir()] == ["old"]
    with whole_folder(path, replace=True) as draft:
        (draft / "new").write_text("")
    assert [p.name for p in path.iterdir()] == ["new"] and [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_what_a_killed_run_left_under_a_fixed_name_is_gone(tmp_path):
    (tmp_path / ".a.part").mkdir()
    (tmp_path / ".a.part" / "half").write_text("")
    with whole_folder(tmp_path / "a", draft_name=".a.part") as draft:
        assert draft.name == ".a.part" and not list(draft.iterdir())
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_killed_runs_left_is_removed_and_nothing_else(tmp_path):
    (tmp_path / "a.csv").write_text("whole")
    with whole_file(tmp_path / "b.csv") as file, whole_folder(tmp_path / "c") as folder:
        file.write_text("half")
        (folder / "0").write_text("half")
        remove_drafts(tmp_path / "c")  # does not exist
        assert len(list(tmp_path.iterdir())) == 3
        remove_drafts(tmp_path)
        assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
        file.write_text("whole")
        folder.mkdir()


@pytest.mark.parametrize(
    "text, problem",
    [
        ("cells v2, Zäh.png", None),
        ("", "is no name"),
        ("  ", "is no name"),
        ("..", "is no name"),
        ("a/b", "contains '/'"),
        ("a\\b", "contains"),
        ("a\0", "contains"),
        ("a\nb", "contains"),
        ("\ud800", "contains"),
        ("C:a", "begins like a drive"),
        ("ä" * 200, "is 400 bytes long, more than 255"),
    ],
)
def test_names_of_files(text, problem):
    found = name_problem(text)
    assert found is None if problem is None else problem in found


@pytest.mark.parametrize(
    "text, inside",
    [
        ("a.png", "a.png"),
        ("sub/./a.png", "sub/a.png"),
        ("sub\\a.png", "sub/a.png"),
        ("x/../a.png", "a.png"),
        ("sub//a.png", "sub/a.png"),
        ("..a.png", "..a.png"),
        *(
            (text, None)
            for text in ("", ".", "..", "/", "x/..", "../a.png", "..\\a.png", "x/../../a.png", "/etc/passwd")
        ),
        *(
            (text, None)
            for text in ("C:\\a.png", "\\\\host\\share\\a.png", "a\0.png", "\ud800.png", "a" * 5000, "a/" * 3000)
        ),
    ],
)
def test_text_of_a_file_never_names_what_lies_outside(tmp_path, text, inside):
    assert path_inside(tmp_path, text) == (None if inside is None else tmp_path / inside)


def test_absolute_names_in_the_folder(tmp_path, monkeypatch):
    assert path_inside(tmp_path, f"{tmp_path}/sub/a.png") == tmp_path / "sub" / "a.png"
    assert path_inside(tmp_path, f"{tmp_path}x/a.png") is None and path_inside(tmp_path, str(tmp_path)) is None
    monkeypatch.chdir(tmp_path)
    assert path_inside(".", f"{tmp_path}/a.png") == Path("a.png")
