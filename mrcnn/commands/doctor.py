"""Report on an installation, for bug reports: versions, processor, memory, devices, libraries, and a quick check."""

import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from mrcnn.commands import machine
from mrcnn.commands.doctor_probes import KERAS, NEED_KERAS
from mrcnn.commands.plain_text import aligned

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX"}
SECONDS = 900  # for all probes together; a driver that hangs must not hang the report
# The other process imports from where this one does, however this one was started.
_CALL = """import json, sys
sys.path[:] = json.loads(sys.argv.pop(1))
from mrcnn.commands.doctor_probes import main
main(sys.argv[1:])"""


def doctor(options):
    """Print the report; see `mrcnn.options.doctor_arguments.doctor_parser`.

    Parameters
    ----------
    options : dict
        `json` and `no_check`.

    Returns
    -------
    int
        Exit code: 0 if everything that is needed works, 1 if something is missing or broken.
    """
    report = examine(check=not options.get("no_check"))
    if options.get("json"):
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(lines_of(report)))
    return 1 if report["problems"] else 0


def examine(check=True):
    """The report as a dict for JSON; its `problems` are those that keep the package from working."""
    required = machine.requirements()
    found = probe(_names(required, check))
    keras = found[KERAS]["value"] if found[KERAS]["kind"] == "found" else {}
    report = {
        "mrcnn": machine.package(),
        "python": machine.python(),
        "system": platform.platform(),
        "processor": machine.processor(),
        "memory": machine.memory(),
        "environment": machine.environment(),
        "backend": keras.get("backend") or _chosen_backend(),
        "keras": _outcome(found[KERAS], keras.get("version")),
        **{name: _outcome(found[name]) for name in (*BACKENDS, "devices", "precision")},
        "check": _outcome(found["check"]) if check else None,
        "libraries": [
            {**entry, **_outcome(found[entry["module"]], entry["version"])}
            for entry in required
            if entry["module"] not in (KERAS, *BACKENDS)
        ],
    }
    return {**report, "problems": problems_of(report, required)}


def _names(required, check):
    # Keras comes first, so that the time until the network of the check is built is that of a program that predicts.
    first = [KERAS, *NEED_KERAS] if check else [KERAS, *NEED_KERAS[:-1]]
    return list(dict.fromkeys([*first, *BACKENDS, *(entry["module"] for entry in required)]))


def _chosen_backend():
    """The backend that Keras would have used, if it does not start."""
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"]
    settings = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        return json.loads(settings.read_text(encoding="utf-8"))["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow"


def _outcome(found, version=None):
    """One entry of the report: `state` (found, missing, error or skipped), and `value` or `error`."""
    if found["kind"] != "found":
        return {"state": found["kind"], "version": version, "error": found["value"]}
    value = found["value"]
    return {"state": "found", "version": version or (value if isinstance(value, str) else None), "value": value}


# --- Probes in a process of their own ---
def probe(names):
    """Outcome of each probe of `mrcnn.commands.doctor_probes`, by name: {"kind", "value"}.

    A probe that ends its process (a crash, `sys.exit`) or hangs is recorded as an error; the others follow in a new
    process.
    """
    found, left = {}, list(names)
    while left:
        lines, ending = _run(left)
        for line in lines:
            found[line["probe"]] = line
        begun = next((n for n in left if found.get(n, {}).get("kind") == "begin"), None)
        if begun is None and any(n not in found for n in left):
            begun = next(n for n in left if n not in found)
        if begun is not None:
            found[begun] = {"kind": "error", "value": ending}
        if found.get(KERAS, {}).get("kind") in ("error", "missing"):
            found |= {n: {"kind": "skipped", "value": None} for n in NEED_KERAS if n in left and n not in found}
        left = [n for n in left if n not in found]
    return found


def _run(names):
    """What a process with these probes has written, and how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "probes.jsonl"
        command = [sys.executable, "-c", _CALL, json.dumps(sys.path), str(path), *names]
        try:
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=SECONDS)
            ending = _ending(done.returncode, done.stderr.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            ending = f"does not answer within {SECONDS} seconds"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")], ending


def _ending(code, errors):
    """How a process ended, with the last line that it wrote to standard error."""
    how = f"is killed by signal {-code}" if code < 0 else f"ends the program with code {code}"
    last = [line.strip() for line in errors.splitlines() if line.strip()][-1:]
    return ": ".join([how, *(line[:300] for line in last)])


# --- Judgement ---
def problems_of(report, required):
    """What keeps the package from working, each with a cure, one sentence or two."""
    problems, entries = [], {entry["module"]: entry for entry in required}
    backend = report["backend"]
    if backend not in BACKENDS:
        problems.append(
            f"Keras uses the backend {backend}, but mrcnn needs one of: {', '.join(BACKENDS)}. Set the environment "
            "variable KERAS_BACKEND to one of them, or correct 'backend' in ~/.keras/keras.json."
        )
    elif report[backend]["state"] != "found":  # Keras imports it, so Keras does not start either
        problems.append(_fault(BACKENDS[backend], report[backend], entries.get(backend), report))
    elif report["keras"]["state"] != "found":
        problems.append(_fault("Keras", report["keras"], entries.get(KERAS), report))
    for entry in report["libraries"]:
        if entry["extra"] is None and (entry["state"] != "found" or not _in_bound(entry)):
            problems.append(_fault(entry["name"], entry, entry, report))
    for module, version in ((KERAS, report["keras"]["version"]), (backend, report.get(backend, {}).get("version"))):
        entry = entries.get(module)
        if entry and version and not machine.is_within(version, entry["bound"]):
            problems.append(_outdated(entry, version))
    for name in ("devices", "precision", "check"):
        if report[name] and report[name]["state"] == "error":
            what = "The check with a tiny network" if name == "check" else f"The question for {name}"
            problems.append(f"{what} fails: {report[name]['error']}. Please report it with this output.")
    return problems


def _in_bound(entry):
    return entry["version"] is None or machine.is_within(entry["version"], entry["bound"])


def _outdated(entry, version):
    return (
        f"{entry['name']} {version} is installed, but {entry['bound']} is needed. "
        f"Install it with: {install(entry, upgrade=True)}"
    )


def _fault(name, outcome, entry, report):
    """Why something needed does not work, and the cure."""
    entry = entry or {"name": name.lower(), "bound": ""}
    if outcome["state"] == "missing":
        return f"{name} is not installed. Install it with: {install(entry)}"
    if outcome["state"] == "found":
        return _outdated(entry, outcome["version"])
    instructions = report["processor"]["instructions"]
    if name in BACKENDS.values() and report["processor"]["machine"].lower() in ("x86_64", "amd64"):
        if instructions is not None and "avx" not in instructions:
            return (
                f"{name} does not start ({outcome['error']}): it needs a processor with AVX, which this one lacks. "
                "Use another machine, or, in a virtual machine, let the processor of the host through."
            )
    return f"{name} is installed but broken ({outcome['error']}). Reinstall it with: {install(entry, again=True)}"


def install(entry, upgrade=False, again=False):
    """The command that installs a requirement."""
    flags = ["--upgrade"] if upgrade else ["--force-reinstall"] if again else []
    return shlex.join(["pip", "install", *flags, f"{entry['name']}{entry['bound']}"])


# --- Text ---
def lines_of(report):
    """The report as lines of text."""
    needed = [entry for entry in report["libraries"] if entry["extra"] is None]
    optional = [entry for entry in report["libraries"] if entry["extra"] is not None]
    problems = report["problems"]
    verdict = [f"problem: {p}" for p in problems] or ["Everything that is needed works."]
    return [
        *aligned(_rows(report), indent=""),
        "",
        "libraries that are needed:",
        *aligned([(entry["name"], _library_text(entry)) for entry in needed]),
        "",
        "optional libraries:",
        *aligned([(entry["name"], _library_text(entry)) for entry in optional]),
        "",
        *verdict,
    ]


def _rows(report):
    package, python, cpu, memory = (report[name] for name in ("mrcnn", "python", "processor", "memory"))
    commit = f", commit {package['commit']}" if package["commit"] else ""
    rows = [
        ("mrcnn", f"{package['version']}{commit}, in {package['folder']}"),
        ("Python", f"{python['version']} ({python['implementation']}), {python['path']}"),
        ("system", report["system"]),
        ("processor", cpu["name"]),
        ("cores", _cores_text(cpu)),
        ("instructions", machine.UNKNOWN if cpu["instructions"] is None else ", ".join(cpu["instructions"]) or "none"),
        ("memory", f"{machine.gib(memory['total'])}, of which {machine.gib(memory['available'])} available"),
        ("Keras", f"{_outcome_text(report['keras'])}, backend {report['backend']}"),
        *((label, _outcome_text(report[name])) for name, label in BACKENDS.items()),
        ("devices", _devices_text(report["devices"], report["backend"])),
        ("precision", _precision_text(report["precision"])),
        ("environment", "\n".join(f"{n}={v}" for n, v in report["environment"].items()) or "nothing set"),
    ]
    return [*rows, ("check", _check_text(report["check"]))] if report["check"] else rows


def _cores_text(cpu):
    total, usable = cpu["cores"], cpu["usable_cores"]
    return f"{total or machine.UNKNOWN}" + (f", of which {usable} usable" if usable not in (None, total) else "")


def _outcome_text(outcome):
    if outcome["state"] == "found":
        return outcome["version"] or "installed"
    if outcome["state"] == "missing":
        return "not installed"
    if outcome["state"] == "skipped":
        return "not tried, because Keras does not start"
    return " ".join(filter(None, [outcome["version"], "broken:", outcome["error"]]))


def _library_text(entry):
    if entry["state"] == "missing" and entry["extra"] is not None:
        return f"not installed; pip install {entry['name']}"
    outdated = entry["state"] == "found" and not _in_bound(entry)
    return _outcome_text(entry) + (f" (too old or excluded: {entry['bound']} is needed)" if outdated else "")


def _devices_text(outcome, backend):
    if outcome["state"] != "found":
        return _outcome_text(outcome)
    found = outcome["value"]
    if found["accelerators"]:
        return "\n".join(found["accelerators"])
    if found["driver"] and found["hidden"]:
        return f"CPU only: CUDA_VISIBLE_DEVICES hides the GPU of the driver {found['driver']}"
    if found["driver"]:
        cure = {"tensorflow": "pip install 'tensorflow[and-cuda]'", "jax": "pip install 'jax[cuda12]'"}.get(backend)
        how = f" (NVIDIA: {cure})" if cure else ""
        return f"CPU only, although there is a GPU driver ({found['driver']}): install the GPU libraries{how}"
    return "CPU only, no GPU driver"


def _precision_text(outcome):
    if outcome["state"] != "found":
        return _outcome_text(outcome)
    policy, reason = outcome["value"]["policy"], outcome["value"]["reason"]
    return policy if not reason else reason if reason.startswith(policy) else f"{policy}: {reason}"


def _check_text(outcome):
    if outcome["state"] != "found":
        return _outcome_text(outcome) if outcome["state"] == "skipped" else f"failed: {outcome['error']}"
    found = outcome["value"]
    return (
        f"works: a tiny network started in {found['start']:.1f} s and found objects in a synthetic image\n"
        f"(first detection {found['first']:.1f} s, then {found['next']:.2f} s)"
    )
