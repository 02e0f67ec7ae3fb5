"""The setup that the notebooks' install cell runs on Colab: what it asks of pip, when it does nothing, how it stops."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
# Of a real failure with packaging 21.3 installed, shortened; older versions of zarr follow.
CONFLICT = """\
ERROR: Cannot install zarr==3.4.1 and zarr==3.4.2 because these package versions have conflicting dependencies.

The conflict is caused by:
    keras 3.10.0 depends on packaging
    scikit-image 0.25.2 depends on packaging>=21
    zarr 3.4.2 depends on packaging>=22.0
    zarr 3.4.1 depends on packaging>=22.0
    The user requested (constraint) packaging==21.3
"""
NO_NETWORK = """\
Looking in indexes: http://127.0.0.1:9
  ERROR: Could not find a version that satisfies the requirement setuptools>=77 (from versions: none)
ERROR: No matching distribution found for setuptools>=77
"""
versions = st.lists(st.integers(0, 30), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))


@pytest.fixture(scope="module")
def setup():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("colab_setup", ROOT / "notebooks" / "colab_setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def runtime(setup, monkeypatch):
    """A runtime in which keras is installed and mrcnn is not; `calls` holds what pip was asked for."""

    class Runtime:
        """`package`: what `import mrcnn` takes, and `after` once pip has done its work; `code`, `output`: of pip."""

        def __init__(self):
            self.calls, self.code, self.output = [], 0, ""
            self.package, self.after = None, ROOT / "mrcnn"

        def pip_install(self, requirements, installed):
            self.calls.append(([str(r) for r in requirements], installed))
            if self.code == 0:
                self.package = self.after
            return self.code, self.output

    here = Runtime()
    monkeypatch.setattr(setup, "wanted", lambda: [Requirement("keras>=3.10"), Requirement("zarr>=3")])
    monkeypatch.setattr(setup, "installed", lambda: {"keras": "3.10.0"})
    monkeypatch.setattr(setup, "found_package", lambda: here.package)
    monkeypatch.setattr(setup, "pip_install", here.pip_install)
    # After an installation the modules of mrcnn are forgotten, which other tests hold on to.
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "mrcnn"}
    yield here
    sys.modules.update(kept)


def distribution(folder, name, version):
    (folder / f"{name}-{version}.dist-info").mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", *([f"Name: {name}"] if name else []), f"Version: {version}"]
    (folder / f"{name}-{version}.dist-info" / "METADATA").write_text("\n".join(lines), encoding="utf-8")


def test_what_is_wanted_is_what_the_package_needs_and_zarr(setup):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {r.name for r in setup.wanted()}
    assert names == {Requirement(line).name for line in project["dependencies"]} | {"zarr"}


def test_installed_is_what_pip_can_be_held_to(setup, monkeypatch, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, name, version in [
        (first, "torch", "2.10.0+cu128"),
        (first, "Typing_Extensions", "4.15.0"),
        (first, "python-apt", "2.4.0-ubuntu4"),
        (first, "", "1.0"),
        (first, "mrcnn", "0.2"),
        (first, "mrcnn_keras", "3.0.0"),
        (first, "blinker", "1.9.0"),
        (second, "blinker", "1.4"),
    ]:
        distribution(folder, name, version)
    (first / "broken-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(first), str(second)])
    assert setup.installed() == {"torch": "2.10.0+cu128", "typing-extensions": "4.15.0", "blinker": "1.9.0"}


def test_pip_is_held_to_what_is_installed(setup, monkeypatch, tmp_path):
    """With a pip that prints what it was called with."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__main__.py").write_text(
        "import sys\n"
        "pins = sys.argv[sys.argv.index('--constraint') + 1]\n"
        "print(*sys.argv[1:], open(pins).read(), sep='|', end='')\n"
        "sys.exit(3)\n",
        encoding="utf-8",
    )
    (tmp_path / "pip" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, output = setup.pip_install([Requirement("zarr>=3")], {"torch": "2.10.0+cu128", "numpy": "2.0.2"})
    assert code == 3
    first, *_, package, requirement, pins = output.split("|")
    assert (first, package, requirement) == ("install", str(ROOT), "zarr>=3")
    assert pins == "torch==2.10.0+cu128\nnumpy==2.0.2\n"


def test_pip_can_read_the_pins_of_this_environment(setup, tmp_path):
    pins = tmp_path / "installed.txt"
    pins.write_text("".join(f"{n}=={v}\n" for n, v in setup.installed().items()), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--constraint", str(pins)]
    done = subprocess.run([*command, "packaging"], capture_output=True, text=True)
    if "No module named pip" in done.stderr:
        pytest.skip("There is no pip here.")
    assert done.returncode == 0, done.stderr


@given(needed=versions, there=versions)
def test_a_clash_is_an_installed_version_that_does_not_do(setup, needed, there):
    requirement = Requirement(f"Keras>={needed}")
    found = setup.clashes("mrcnn", [requirement], {"keras": there})
    assert found == (
        [] if Version(there) >= Version(needed) else [f"mrcnn needs Keras>={needed} and {there} is installed"]
    )
    assert setup.clashes("mrcnn", [requirement], {"numpy": there}) == []
    assert setup.missing([requirement], {"numpy": there}) == [requirement]
    assert setup.missing([requirement], {"keras": there}) == []


def test_pips_conflict_becomes_one_phrase(setup):
    there = {"packaging": "21.3", "keras": "3.10.0"}
    assert setup.conflict(CONFLICT, there) == ["zarr 3.4.2 needs packaging>=22.0 and 21.3 is installed"]
    assert setup.conflict(NO_NETWORK, there) == []


def test_it_installs_what_is_wanted_with_everything_pinned(setup, runtime, capsys):
    setup.main()
    assert runtime.calls == [(["keras>=3.10", "zarr>=3"], {"keras": "3.10.0"})]
    assert capsys.readouterr().out == "Installing mrcnn; this takes up to a minute.\n"


def test_it_does_nothing_where_everything_is_there(setup, runtime, monkeypatch, capsys):
    runtime.package = ROOT / "mrcnn"
    monkeypatch.setattr(setup, "installed", lambda: {"keras": "3.10.0", "zarr": "3.4.2"})
    setup.main()
    assert (runtime.calls, capsys.readouterr().out) == ([], "")


def test_it_completes_an_installation_that_was_interrupted(setup, runtime):
    runtime.package = ROOT / "mrcnn"
    setup.main()
    assert len(runtime.calls) == 1


def test_it_installs_over_another_package_of_this_name(setup, runtime, tmp_path):
    runtime.package = tmp_path
    setup.main()
    assert len(runtime.calls) == 1


def test_what_was_imported_under_this_name_is_forgotten(setup, runtime, monkeypatch):
    for name in ("mrcnn.of_somebody_else", "mrcnn_tools"):
        monkeypatch.setitem(sys.modules, name, None)
    setup.main()
    assert not {"mrcnn", "mrcnn.of_somebody_else"} & set(sys.modules)
    assert "mrcnn_tools" in sys.modules


def test_it_stops_before_pip_where_something_would_be_replaced(setup, runtime, monkeypatch):
    monkeypatch.setattr(setup, "installed", lambda: {"keras": "3.9.0"})
    with pytest.raises(SystemExit, match=r"^mrcnn needs keras>=3.10 and 3.9.0 is installed: choose the latest .*%pip"):
        setup.main()
    assert runtime.calls == []


def test_it_stops_where_pip_finds_a_conflict(setup, runtime, monkeypatch, capsys):
    monkeypatch.setattr(setup, "installed", lambda: {"keras": "3.10.0", "packaging": "21.3"})
    runtime.code, runtime.output = 1, CONFLICT
    with pytest.raises(SystemExit, match=r"^zarr 3.4.2 needs packaging>=22.0 and 21.3 is installed: choose"):
        setup.main()
    assert "ERROR" not in capsys.readouterr().out


def test_it_shows_pips_errors_where_pip_fails_otherwise(setup, runtime, capsys):
    runtime.code, runtime.output = 1, NO_NETWORK
    with pytest.raises(SystemExit, match="check that this runtime reaches the internet"):
        setup.main()
    assert capsys.readouterr().out.splitlines()[1:] == [
        "ERROR: Could not find a version that satisfies the requirement setuptools>=77 (from versions: none)",
        "ERROR: No matching distribution found for setuptools>=77",
    ]


def test_it_names_a_folder_that_hides_the_package(setup, runtime, tmp_path):
    runtime.after = tmp_path / "mrcnn"
    with pytest.raises(SystemExit, match="`import mrcnn` takes .*, which is another package: rename that folder"):
        setup.main()
    assert len(runtime.calls) == 1


def test_the_package_is_found_and_known(setup, monkeypatch, tmp_path):
    assert setup.is_ours(setup.found_package())
    other = tmp_path / "mrcnn"
    other.mkdir()
    assert not setup.is_ours(other)
    assert not setup.is_ours(None)
