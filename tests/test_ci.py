"""The scripts of .ci/run that find the installed Pythons and a pre-release of Keras."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "pythons.py"
PREVIEW = SCRIPT.with_name("keras_preview.py")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="CI's script is for a shell.")
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pythons():
    return loaded(SCRIPT)


@pytest.fixture
def preview():
    return loaded(PREVIEW)


def test_finds_this_python_by_its_name_and_leaves_it_out_when_told(pythons, tmp_path, monkeypatch):
    folder = tmp_path / "versions" / f"{HERE}.9" / "bin"
    folder.mkdir(parents=True)
    (folder / f"python{HERE}").symlink_to(sys.executable)
    monkeypatch.setattr(pythons, "MANAGERS", (str(tmp_path / "versions"),))
    monkeypatch.setenv("PATH", "")
    assert pythons.find() == {HERE: str(folder / f"python{HERE}")}
    done = subprocess.run([sys.executable, SCRIPT, "--but", sys.executable], capture_output=True, text=True, check=True)
    assert all(line.split()[0] != HERE for line in done.stdout.splitlines())


def test_one_that_does_not_run_or_is_another_version_is_not_found(pythons, tmp_path, monkeypatch):
    """As a version manager's stand-in for a version that is not chosen."""
    for folder, text in (("a", "exit 127"), ("b", "echo 3.7")):
        fake = tmp_path / folder / "bin" / f"python{HERE}"
        fake.parent.mkdir(parents=True)
        fake.write_text(f"#!/bin/sh\n{text}\n")
        fake.chmod(0o755)
    monkeypatch.setattr(pythons, "MANAGERS", (str(tmp_path),))
    monkeypatch.setenv("PATH", "")
    assert HERE not in pythons.find()


def test_supported_versions_are_those_of_the_project(pythons):
    versions = pythons.supported()
    assert versions[0] == "3.11" and HERE in versions
    assert versions == sorted(versions, key=lambda v: int(v.partition(".")[2]))


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (["3.15.1", "3.15.0", "2.15.0rc1"], None),
        (["3.16.0rc0", "3.15.1", "3.16.0.dev5"], "3.16.0rc0"),
        (["3.16.0", "3.16.0rc1", "3.15.1"], None),
        (["3.9.0", "3.10.0rc0"], "3.10.0rc0"),  # by number, not as text
        (["no version", "3.15.1"], None),
        ([], None),
    ],
)
def test_a_preview_is_a_pre_release_newer_than_every_release(preview, versions, expected):
    assert preview.newest_preview(versions) == expected


def test_versions_of_keras_are_those_that_pip_lists(preview, monkeypatch, capsys):
    answers = {"stdout": "keras (3.16.0rc0)\nAvailable versions: 3.16.0rc0, 3.15.1\n  INSTALLED: 3.15.1\n"}
    monkeypatch.setattr(
        preview.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, stderr="", **answers)
    )
    preview.main()
    assert capsys.readouterr().out == "3.16.0rc0\n"
    answers["stdout"] = "Available versions: 3.15.1, 3.15.0\n"
    preview.main()
    assert capsys.readouterr() == ("", "There is no pre-release of Keras newer than 3.15.1.\n")
    answers["stdout"] = ""  # as without network
    preview.main()
    found = capsys.readouterr()
    assert found.out == "" and "could not list" in found.err and found.err.count("\n") == 1
