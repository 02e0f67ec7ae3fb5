"""Holds docs/architecture.md: who may import whom, no keras below the networks, small documented files."""

import ast
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = sorted((ROOT / "mrcnn").rglob("*.py"))
SAMPLES = sorted((ROOT / "samples").rglob("*.py"))
EVERYTHING = sorted(p for f in ("mrcnn", "samples", "tests", "tools", "benchmarks") for p in (ROOT / f).rglob("*.py"))
FRAMEWORKS = {"keras", "tensorflow", "jax", "torch", "tf_keras"}

_spec = importlib.util.spec_from_file_location("rooms", ROOT / "tools" / "rooms.py")
rooms = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rooms)
ORDER = rooms.ORDER
RANK = {room: (level, place) for level, group in enumerate(ORDER) for place, room in enumerate(group)}
WITHOUT_KERAS = (
    "errors",
    "files",
    "geometry",
    "config_checks",
    "config_values",
    "config",
    "images",
    "formats",
    "data",
    "evaluate",
    "plot",
    "results",
    "options",
    "lazy",
    "presets",
)


def may_import(room, other):
    """Whether a file of one room may import from another."""
    top = len(ORDER) - 1
    return RANK[other] <= RANK[room] or RANK[room][0] == RANK[other][0] == top


def imported(source, module=""):
    """Dotted names that this source imports, inside functions too; relative ones resolved from `module`'s package."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names += [f"{base}.{alias.name}" for alias in node.names]
    return names


def room_of(path):
    """The room of mrcnn that a file is in: errors.py -> errors, data/readers/x.py -> data."""
    return Path(path).parts[0].removesuffix(".py")


def wrong_imports(path, source):
    """Imports of a file of mrcnn (path inside the package) that its room may not have."""
    room = room_of(path)
    module = ".".join(["mrcnn", *Path(path).with_suffix("").parts])
    wrong = []
    for name in imported(source, module):
        top, *rest = name.split(".")
        known = not rest or rest[0] == "__version__" or (rest[0] in RANK and may_import(room, rest[0]))
        if top == "mrcnn" and not known:
            wrong.append(name)
        elif top in ("samples", "tests", "benchmarks") or (top in FRAMEWORKS and room in WITHOUT_KERAS):
            wrong.append(name)
    return wrong


def foreign_samples(domain, source, domains):
    """Imports of a sample's file that reach into another sample; `domains`: folder name -> names of its modules."""
    own = {domain, *domains[domain]}
    others = {name for folder, modules in domains.items() if folder != domain for name in (folder, *modules)} - own
    wrong = []
    for name in imported(source):
        parts = name.split(".")
        target = parts[1] if parts[0] == "samples" and len(parts) > 1 else parts[0]
        if target in others:
            wrong.append(name)
    return wrong


def test_imports_go_one_way():
    files = [p for p in PACKAGE if p != ROOT / "mrcnn" / "__init__.py"]
    found = {
        str(p.relative_to(ROOT)): wrong_imports(p.relative_to(ROOT / "mrcnn"), p.read_text(encoding="utf-8"))
        for p in files
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_no_circle():
    """Of modules that import one another, within functions too."""
    modules = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in PACKAGE}
    imports = {}
    for module, path in modules.items():
        names = imported(path.read_text(encoding="utf-8"), module)
        imports[module] = {n if n in modules else n.rpartition(".")[0] for n in names} & modules.keys() - {module}
    graph = TopologicalSorter({m: others for m, others in imports.items() if m != "mrcnn"})
    graph.prepare()  # CycleError names the circle


def test_the_package_itself_imports_only_what_must_come_before_keras():
    source = (ROOT / "mrcnn" / "__init__.py").read_text(encoding="utf-8")
    assert imported(source) == ["importlib", "mrcnn.quiet", "mrcnn.lazy.names_on_first_use"]


def test_samples_do_not_import_one_another():
    domains = {f.name: {p.stem for p in f.glob("*.py")} for f in (ROOT / "samples").iterdir() if f.is_dir()}
    for path in SAMPLES:
        domain = path.relative_to(ROOT / "samples").parts[0]
        assert foreign_samples(domain, path.read_text(encoding="utf-8"), domains) == [], path


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("data/split.py", "import keras"),
        ("plot/curves.py", "def f():\n    from keras import ops"),
        ("config.py", "import tensorflow as tf"),
        ("evaluate/counts.py", "def f():\n    import jax.numpy"),
        ("layers/nms.py", "from mrcnn.config import Config"),
        ("geometry/boxes.py", "from mrcnn import config"),
        ("data/readers/stack.py", "from mrcnn.engine.mask_rcnn import MaskRCNN"),
        ("data/readers/stack.py", "from ...engine import detector"),
        ("results/measure.py", "from mrcnn import MaskRCNN"),
        ("engine/mask_rcnn.py", "from samples.mitochondria import mitochondria"),
        ("engine/mask_rcnn.py", "import mrcnn.commands"),
        ("engine/mask_rcnn.py", "from mrcnn.legacy.detector import MaskRCNN"),
        ("commands/training.py", "from mrcnn import model"),
        ("data/training_sample.py", "import mrcnn.utils"),
    ],
)
def test_the_check_of_imports_finds_a_wrong_one(path, source):
    assert len(wrong_imports(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "data/readers/stack.py",
            "from ..dataset import Dataset\nfrom mrcnn.errors import DataError\nimport numpy.random",
        ),
        ("engine/mask_rcnn.py", "import keras\nfrom mrcnn.nets.fpn import fpn\nfrom mrcnn import __version__"),
        ("plot/instances.py", "from mrcnn.evaluate import counts"),
    ],
)
def test_the_check_of_imports_allows_a_right_one(path, source):
    assert wrong_imports(path, source) == []


def test_the_check_of_samples_finds_a_wrong_import():
    domains = {"mitochondria": {"mitochondria", "train"}, "cells": {"cells", "train"}}
    for source in ("import cells", "from samples.cells import cells", "from samples import cells"):
        assert len(foreign_samples("mitochondria", source, domains)) == 1
    assert foreign_samples("mitochondria", "import mitochondria\nimport train\nimport mrcnn.commands", domains) == []


def test_rooms_are_those_of_the_architecture():
    assert {room_of(p.relative_to(ROOT / "mrcnn")) for p in PACKAGE} - {"__init__"} == set(RANK)


def test_every_file_says_what_it_is_for():
    silent = [
        str(p.relative_to(ROOT))
        for p in (*PACKAGE, *SAMPLES)
        if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_room_is_a_house_of_its_own():
    lines = Counter()
    for path in PACKAGE:
        lines[room_of(path.relative_to(ROOT / "mrcnn"))] += len(path.read_text(encoding="utf-8").splitlines())
    (room, most), total = lines.most_common(1)[0], lines.total()
    assert most <= total / 5, f"{room} has {most} of {total} lines"


def test_files_are_short():
    lines = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in EVERYTHING}
    assert {path: count for path, count in lines.items() if count > 400} == {}


def test_every_folder_of_the_package_is_a_package():
    """setuptools leaves folders without __init__.py out of the wheel."""
    folders = {p.parent for p in PACKAGE}
    assert [f for f in sorted(folders) if not (f / "__init__.py").is_file()] == []


def test_samples_and_tests_are_no_packages():
    """Users have folders of these names themselves; ours must never be importable in their place."""
    for folder in ("samples", "tests", "tools", "benchmarks", "notebooks"):
        assert list((ROOT / folder).rglob("__init__.py")) == []


def test_the_document_lists_every_room_and_file():
    """Written by `python tools/rooms.py`."""
    assert rooms.written(rooms.DOCUMENT.read_text(encoding="utf-8")) == rooms.DOCUMENT.read_text(encoding="utf-8")


def test_options_import_nothing_heavy():
    names = [f"mrcnn.options.{p.stem}" for p in (ROOT / "mrcnn" / "options").glob("[!_]*.py")]
    code = f"import json, sys, {', '.join(names)}; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"numpy", "keras", "tensorflow", "jax", "pandas", "matplotlib", "skimage"} & set(json.loads(loaded))
