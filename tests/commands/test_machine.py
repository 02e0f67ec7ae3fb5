"""What is known about a machine without loading a library."""

import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

import mrcnn
from mrcnn.commands import machine

X86 = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx avx2 avx512_bf16\n\nprocessor\t: 1\nflags\t: fpu\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd bf16\nCPU implementer\t: 0x41\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (X86, ("Some CPU", ["avx", "avx2", "avx512_bf16"])),
        (ARM, (None, ["asimd", "bf16"])),
        ("model name : old\nflags : fpu avx_vnni\n", ("old", [])),
        ("", (None, None)),
    ],
)
def test_processor_of_linux(text, expected):
    assert machine.parse_cpuinfo(text) == expected


def test_this_processor():
    found = machine.processor()
    assert found["name"] and found["cores"] == os.cpu_count()


@pytest.mark.parametrize("psutil", [True, False])
def test_memory(psutil, monkeypatch):
    if not psutil:
        monkeypatch.setitem(sys.modules, "psutil", None)
    found = machine.memory()
    assert 2**28 < found["available"] < found["total"]


def test_memory_of_a_system_that_does_not_tell(monkeypatch):
    def fails(*_, **__):
        raise OSError

    monkeypatch.setitem(sys.modules, "psutil", None)
    monkeypatch.setattr(Path, "read_text", fails)
    monkeypatch.delattr(os, "sysconf")  # Windows
    assert machine.memory() == {"total": None, "available": None}
    assert machine.gib(None) == "unknown"


def test_environment_shows_no_variable_of_other_programs(monkeypatch):
    monkeypatch.setenv("TF_VAR_password", "secret")
    monkeypatch.setenv("TF_XLA_FLAGS", "--flag")
    found = machine.environment()
    assert found["TF_XLA_FLAGS"] == "--flag" and "TF_VAR_password" not in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("numpy>=2.0", ("numpy", ">=2.0", None)),
        ("tqdm", ("tqdm", "", None)),
        ('opencv-python!=4.12.*,>=4.10; extra == "augment"', ("opencv-python", "!=4.12.*,>=4.10", "augment")),
        ("dask[distributed]>=2024.12; extra == 'dask'", ("dask", ">=2024.12", "dask")),
        ('old (>=1.0) ; python_version < "3.12" and extra == "x"', ("old", ">=1.0", "x")),
    ],
)
def test_requirements_are_parsed(text, expected):
    assert machine._parsed(text) == expected


@pytest.mark.parametrize("installed", [True, False])
def test_requirements(installed, monkeypatch):
    """A checkout that is not installed lists the same, from its pyproject.toml."""
    if not installed:
        monkeypatch.setattr(machine, "DISTRIBUTION", "a-package-that-nobody-has")
    found = {entry["name"]: entry for entry in machine.requirements()}
    assert found["numpy"]["extra"] is None and found["numpy"]["version"] == importlib.metadata.version("numpy")
    assert (found["scikit-image"]["module"], found["zarr"]["extra"]) == ("skimage", "zarr")
    assert not {"pytest", "ruff", "jupyterlab", "mrcnn-keras"} & set(found)


@pytest.mark.parametrize(
    ("version", "bound", "expected"),
    [
        ("2.1", ">=2.0", True),
        ("1.9", ">=2.0", False),
        ("4.12.3", "!=4.12.*", False),
        ("2.1", "", True),
        ("?", ">=2", True),
    ],
)
def test_bounds(version, bound, expected):
    assert machine.is_within(version, bound) is expected


def test_package_of_a_checkout(tmp_path):
    found = machine.package()
    assert found["version"] == mrcnn.__version__ and Path(found["folder"]).name == "mrcnn"
    assert machine._commit(tmp_path) is None
