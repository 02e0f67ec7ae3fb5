"""The report on an installation: what works, what is missing, and what is broken without stopping the rest."""

import json
import sys

import keras
import pytest

from mrcnn.commands import doctor as report_of
from mrcnn.commands import doctor_probes, machine
from mrcnn.commands.doctor import doctor, examine, lines_of, probe, problems_of
from mrcnn.options.doctor_arguments import doctor_parser


def needed(name, bound="", extra=None, version="1.0", module=None):
    return {"name": name, "module": module or name, "extra": extra, "bound": bound, "version": version}


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Callable (name=source, ...): modules that the probes import in place of, or beside, the installed ones."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(**sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(source)

    return write


@pytest.fixture
def required(monkeypatch):
    """Callable (*entries): replaces what the package requires."""
    return lambda *entries: monkeypatch.setattr(machine, "requirements", lambda: list(entries))


@pytest.fixture(scope="module")
def whole():
    """The report on this installation."""
    return examine()


def test_this_installation_works(whole):
    assert whole["problems"] == []
    assert (whole["keras"]["version"], whole["backend"]) == (keras.__version__, keras.backend.backend())
    assert whole[whole["backend"]]["state"] == "found"
    assert whole["precision"]["value"]["policy"] in ("float32", "mixed_bfloat16")
    check = whole["check"]["value"]
    assert check["objects"] > 0 and min(check["start"], check["first"], check["next"]) > 0
    versions = {entry["name"]: entry["version"] for entry in whole["libraries"]}
    import numpy

    assert versions["numpy"] == numpy.__version__
    assert {"scipy", "scikit-image", "tifffile", "pandas", "matplotlib", "h5py", "imagecodecs", "zarr"} <= set(versions)


def test_the_report_is_text_and_json(whole, monkeypatch, capsys):
    monkeypatch.setattr(report_of, "examine", lambda check: whole)
    assert doctor(vars(doctor_parser("x").parse_args(["--json"]))) == 0
    assert json.loads(capsys.readouterr().out) == whole
    assert doctor(vars(doctor_parser("x").parse_args([]))) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines if len(line.split()) > 1}
    assert rows["Keras"] == f"{keras.__version__}, backend {keras.backend.backend()}"
    assert rows["check"].startswith("works: a tiny network started in ")
    assert lines[-1] == "Everything that is needed works."
    columns = {line.index(line.split(maxsplit=1)[1]) for line in lines[:9]}
    assert len(columns) == 1  # aligned


def test_probes_that_fail_or_crash_do_not_stop_the_others(modules):
    modules(
        broken_one="raise ValueError('first line\\nsecond line')",
        crashing_one="import os, sys; print('a last word', file=sys.stderr, flush=True); os.abort()",
        leaving_one="import sys; sys.exit(3)",
        sound_one="__version__ = '1.2.3'; print('not a result')",
        needing_one="import another_that_is_not_there",
    )
    names = ["broken_one", "crashing_one", "leaving_one", "missing_one", "needing_one", "sound_one"]
    found = probe(names)
    assert list(found) == names
    assert (found["broken_one"]["kind"], found["broken_one"]["value"]) == ("error", "ValueError: first line")
    assert found["crashing_one"]["kind"] == "error" and "a last word" in found["crashing_one"]["value"]
    assert found["leaving_one"]["kind"] == "error" and "code 3" in found["leaving_one"]["value"]
    assert found["missing_one"]["kind"] == "missing"
    assert found["needing_one"]["kind"] == "error" and "another_that_is_not_there" in found["needing_one"]["value"]
    assert (found["sound_one"]["kind"], found["sound_one"]["value"]) == ("found", "1.2.3")


def test_a_probe_that_hangs(modules, monkeypatch):
    monkeypatch.setattr(report_of, "SECONDS", 3)
    modules(hanging_one="import time; time.sleep(60)", sound_one="__version__ = '1'")
    found = probe(["sound_one", "hanging_one"])
    assert found["sound_one"]["value"] == "1"
    assert "does not answer" in found["hanging_one"]["value"]


@pytest.mark.parametrize("source", ["raise RuntimeError('no such instruction')", "import os; os.abort()"])
def test_without_keras_the_rest_is_reported(source, modules, required, capsys):
    modules(keras=source, sound_one="__version__ = '1.2.3'", tensorflow="__version__ = '2'", jax="__version__ = '3'")
    required(needed("keras", ">=3.10"), needed("sound_one", version="1.2.3"))
    assert doctor({"json": True, "no_check": False}) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["keras"]["state"] == "error"
    assert {report[name]["state"] for name in doctor_probes.NEED_KERAS} == {"skipped"}
    assert [(entry["name"], entry["state"]) for entry in report["libraries"]] == [("sound_one", "found")]
    (problem,) = report["problems"]
    assert (
        problem.startswith("Keras is installed but broken") and "pip install --force-reinstall 'keras>=3.10'" in problem
    )
    assert any(line.split()[0] == "check" and "Keras does not start" in line for line in lines_of(report) if line)


def test_missing_and_outdated_libraries(modules, required, capsys):
    modules(
        keras="__version__ = '3.10'; backend = type('b', (), {'backend': staticmethod(lambda: 'numpy')})",
        old_one="",
        sound_one="",
        tensorflow="",
        jax="",
    )
    required(
        needed("keras"),
        needed("old_one", ">=2.0", version="1.9"),
        needed("sound_one", ">=2.0", version="2.1"),
        needed("missing-one", ">=3", version=None, module="missing_one"),
        needed("optional-one", extra="zarr", version=None, module="optional_one"),
        needed("broken_optional", extra="zarr"),
    )
    modules(broken_optional="raise OSError('no such file')")
    assert doctor({"json": False, "no_check": True}) == 1
    out = capsys.readouterr().out
    problems = [line for line in out.splitlines() if line.startswith("problem:")]
    assert any("old_one 1.9 is installed, but >=2.0 is needed" in p for p in problems)
    assert any("missing-one is not installed" in p and "pip install 'missing-one>=3'" in p for p in problems)
    assert not any("sound_one" in p or "optional" in p for p in problems)
    rows = {
        line.split()[0]: line.split(maxsplit=1)[1] for line in out.partition("libraries")[2].splitlines() if " " in line
    }
    assert rows["optional-one"] == "not installed; pip install optional-one"
    assert "broken: OSError: no such file" in rows["broken_optional"]
    assert not any(line.startswith("check") for line in out.splitlines())


def report_with(backend, error, instructions):
    nothing = {"state": "skipped", "version": None, "error": None}
    return {
        "backend": backend,
        "keras": {"state": "error", "version": None, "error": error},
        "tensorflow": {"state": "error", "version": "2.21", "error": error},
        "jax": {"state": "error", "version": "0.5", "error": error},
        "processor": {"machine": "x86_64", "instructions": instructions},
        "libraries": [],
        **dict.fromkeys(("devices", "precision", "check"), nothing),
    }


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_processor_without_avx_is_named_as_the_cause(backend):
    report = report_with(backend, "is killed by signal 4", ["sse2"])
    assert "needs a processor with AVX" in problems_of(report, [])[0]
    report = report_with(backend, "is killed by signal 4", ["avx", "avx2"])
    assert "AVX" not in problems_of(report, [])[0]
    report = report_with(backend, "is killed by signal 4", None)  # unknown
    assert "AVX" not in problems_of(report, [])[0]


def test_a_backend_that_is_not_supported():
    report = report_with("torch", "ModuleNotFoundError: No module named 'torch'", ["avx"])
    (problem,) = problems_of(report, [])
    assert problem.startswith("Keras uses the backend torch") and "KERAS_BACKEND" in problem


def test_the_backend_of_the_settings_of_keras_is_known_although_keras_does_not_start(tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert report_of._chosen_backend() == "tensorflow"
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert report_of._chosen_backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert report_of._chosen_backend() == "torch"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"accelerators": ["NVIDIA H200"], "driver": "/dev/nvidiactl", "hidden": False}, "NVIDIA H200"),
        ({"accelerators": [], "driver": None, "hidden": False}, "CPU only, no GPU driver"),
        ({"accelerators": [], "driver": "/dev/nvidiactl", "hidden": False}, "although there is a GPU driver"),
        ({"accelerators": [], "driver": "/dev/nvidiactl", "hidden": True}, "CUDA_VISIBLE_DEVICES hides the GPU"),
    ],
)
def test_devices(value, said, whole):
    report = {**whole, "devices": {"state": "found", "version": None, "value": value}}
    (line,) = [line for line in lines_of(report) if line.startswith("devices")]
    assert said in line


@pytest.mark.parametrize("reason", ["this processor has AVX512_BF16", "float32: this processor has no bfloat16"])
def test_the_reason_for_the_precision(reason, whole, monkeypatch):
    from mrcnn import hardware

    monkeypatch.setattr(hardware, "precision_choice", lambda config: ("float32", reason), raising=False)
    value = doctor_probes.precision()
    assert value == {"policy": "float32", "reason": reason}
    report = {**whole, "precision": {"state": "found", "version": None, "value": value}}
    (line,) = [line for line in lines_of(report) if line.startswith("precision")]
    assert line.count("float32: this processor has ") == 1


def test_the_check_fails_if_nothing_is_found(monkeypatch, quick_compiles):
    from mrcnn.engine.mask_rcnn import MaskRCNN
    from mrcnn.geometry.instances import Instances

    found = {"empty": Instances.from_label_image([[0, 0], [0, 0]])}
    monkeypatch.setattr(MaskRCNN, "predict", lambda self, images: [found["empty"]])
    with pytest.raises(RuntimeError, match="found nothing"):
        doctor_probes.check()


def test_probes_write_what_they_find(tmp_path, modules):
    modules(sound_one="__version__ = '1.2.3'")
    path = tmp_path / "found.jsonl"
    doctor_probes.main([str(path), "sound_one", "missing_one"])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = [(line["probe"], line["kind"]) for line in lines]
    assert kinds == [
        ("sound_one", "begin"),
        ("sound_one", "found"),
        ("missing_one", "begin"),
        ("missing_one", "missing"),
    ]
    sys.modules.pop("sound_one")
