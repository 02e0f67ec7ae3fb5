"""`import mrcnn`: quick, without keras, with the public names; and packaging files that agree with one another."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import mrcnn

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def in_new_python(code):
    """What a new interpreter prints for this code."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_import_loads_no_framework_and_no_heavy_library():
    loaded = set(json.loads(in_new_python("import mrcnn, sys, json; print(json.dumps(sorted(sys.modules)))")))
    assert not loaded & {"keras", "tensorflow", "jax", "torch", "numpy", "scipy", "skimage", "matplotlib", "pandas"}


def test_rooms_below_the_networks_run_without_a_framework():
    rooms = ("config", "data.dataset", "geometry.instances", "evaluate.matching", "results.measure", "plot.instances")
    code = "".join(f"import mrcnn.{room}\n" for room in rooms)
    loaded = json.loads(in_new_python(code + "import sys, json; print(json.dumps(sorted(sys.modules)))"))
    assert not set(loaded) & {"keras", "tensorflow", "jax", "torch"}


@pytest.mark.parametrize("name", ["Config", "Dataset", "Instances", "MaskRCNN", "SemanticConfig", "SemanticSegmenter"])
def test_public_name_comes_on_first_use(name):
    assert getattr(mrcnn, name).__name__ == name
    assert name in dir(mrcnn)
    assert name in mrcnn.__all__


def test_rooms_are_attributes():
    assert in_new_python("import mrcnn; print(mrcnn.config.Config.__name__)").strip() == "Config"
    listed = {p.stem for p in (ROOT / "mrcnn").iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert listed - {"__init__", "__main__"} <= set(dir(mrcnn))


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'MaskRCN'"):
        _ = mrcnn.MaskRCN
    with pytest.raises(ImportError, match="MaskRCN"):
        from mrcnn import MaskRCN  # noqa: F401


def test_version_is_a_release_after_matterports():
    major, minor, patch = (int(n) for n in mrcnn.__version__.split("."))
    assert (major, minor, patch) >= (3, 0, 0)


def test_requirements_are_all_that_samples_and_notebooks_use():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    extras = PROJECT["optional-dependencies"]
    used = sorted(extras.keys() - {"jax", "bioio", "test", "dev"})
    assert [line for line in lines if line and not line.startswith("#")] == [
        *PROJECT["dependencies"],
        *(line for name in used for line in extras[name]),
    ]


def test_lowest_versions_are_written_down():
    """Every bound of pyproject.toml is what requirements-lowest.txt asks for, or the first release at or above it."""
    lines = (ROOT / "requirements-lowest.txt").read_text(encoding="utf-8").splitlines()
    lowest = {canonicalize_name(r.name): next(iter(r.specifier)).version for r in map(Requirement, lines)}
    # bioio is in no other extra: its tests run where somebody installed it (docs/installation.md).
    extras = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name != "bioio"}
    lines = chain(PROJECT["dependencies"], *extras.values())
    wanted = [Requirement(line) for line in lines if not line.startswith(f"{PROJECT['name']}[")]
    named = [r for r in wanted if canonicalize_name(r.name) in lowest]
    assert {r.name for r in wanted} - {r.name for r in named} <= {"build"}  # for a release, not for the tests
    for requirement in named:
        version, (bound,) = (
            lowest[canonicalize_name(requirement.name)],
            [s.version for s in requirement.specifier if s.operator == ">="],
        )
        assert version in requirement.specifier, requirement.name
        assert Version(version).release[:2] == (*Version(bound).release, 0)[:2], f"make lowest: {requirement.name}"


def test_every_extra_that_another_extra_asks_for_exists():
    extras = PROJECT["optional-dependencies"]
    for wanted in extras.values():
        for names in re.findall(rf"^{PROJECT['name']}\[(.*)\]$", "\n".join(wanted), flags=re.M):
            assert set(names.split(",")) <= set(extras)


def test_every_import_of_the_package_is_declared():
    """A library that is imported but not declared works only on the machine of whoever wrote the import."""
    distribution = {"PIL": "pillow", "skimage": "scikit-image", "imgaug": "imaug", "distributed": "dask"}
    declared = {
        re.match(r"[\w-]+", line).group().lower()
        for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
        for line in lines
    }
    found = set()
    for path in (ROOT / "mrcnn").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
    third_party = found - set(sys.stdlib_module_names) - {"mrcnn"}
    assert third_party
    assert {distribution.get(name, name).lower() for name in third_party} <= declared


def test_first_lines_of_the_readme_are_the_two_commands():
    start = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:12])
    assert "make demo" in start
    assert "make test" in start


@pytest.mark.skipif(not shutil.which("make"), reason="There is no make here, as on Windows.")
@pytest.mark.parametrize("target", ["demo", "test", "lint", "notebooks", "benchmark", "clean"])
def test_make_knows_its_targets(target):
    assert subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(not shutil.which("make"), reason="There is no make here, as on Windows.")
def test_make_says_that_python_is_missing(tmp_path):
    done = subprocess.run(
        ["make", "test", f"VENV={tmp_path / 'venv'}", "PYTHON=python-that-is-not-there"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "There is no python-that-is-not-there. Install Python 3.11 or newer" in done.stdout
