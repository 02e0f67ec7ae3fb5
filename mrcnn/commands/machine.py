"""What a report on the machine says without loading a library: version, system, processor, memory, requirements."""

import contextlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from mrcnn import __version__

DISTRIBUTION = "mrcnn-keras"
UNKNOWN = "unknown"
# Instructions that decide whether TensorFlow and JAX run at all (AVX), and how fast.
INSTRUCTIONS = ("avx", "avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
# Listed one by one: other programs use names that begin alike, some for secrets (Terraform: TF_VAR_...).
VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "JAX_ENABLE_X64",
    "JAX_PLATFORMS",
    "KERAS_BACKEND",
    "KERAS_HOME",
    "OMP_NUM_THREADS",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_GPU_ALLOCATOR",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_USE_LEGACY_KERAS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
    "XLA_PYTHON_CLIENT_ALLOCATOR",
    "XLA_PYTHON_CLIENT_MEM_FRACTION",
    "XLA_PYTHON_CLIENT_PREALLOCATE",
)
_MODULES = {
    "scikit-image": "skimage",
    "pillow": "PIL",
    "opencv-python": "cv2",
    "imaug": "imgaug",
    "dask": "distributed",
}
_NO_LIBRARIES = ("test", "dev", "notebooks")  # extras for developers
_SECONDS = 10  # for a command of the system to answer
_GIB = 2**30


def package():
    """Version, folder and, in a checkout, commit of the installed package."""
    folder = Path(__file__).resolve().parents[1]
    return {"version": __version__, "folder": str(folder), "commit": _commit(folder.parent)}


def _commit(folder):
    """The commit of a checkout, abbreviated; None if the folder is not the root of one, or git does not answer."""
    if not (folder / ".git").exists():
        return None
    return _answer("git", "-C", str(folder), "rev-parse", "--short", "HEAD")


def _answer(*command):
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
        return done.stdout.strip() or None
    return None


def python():
    """Version, implementation and path of the interpreter."""
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "path": sys.executable or UNKNOWN,
    }


def processor():
    """Name, cores (all, and those that this process may use) and the `INSTRUCTIONS` among its own; None: unknown."""
    text = ""
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    name, instructions = parse_cpuinfo(text)
    if sys.platform == "darwin":
        name = _answer("sysctl", "-n", "machdep.cpu.brand_string")
        if _answer("sysctl", "-n", "hw.optional.arm.FEAT_BF16") == "1":
            instructions = ["bf16"]
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "name": name or platform.processor() or platform.machine() or UNKNOWN,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": usable,
        "instructions": instructions,
    }


def parse_cpuinfo(text):
    """Name (or None) and instructions (None: not listed) of the first processor in the text of /proc/cpuinfo."""
    fields = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip().lower(), value.strip())
    flags = fields.get("flags", fields.get("features"))
    name = fields.get("model name") or fields.get("hardware")
    return name, None if flags is None else [i for i in INSTRUCTIONS if i in flags.split()]


def memory():
    """Total and available memory in bytes, each None if unknown."""
    with contextlib.suppress(ImportError):
        import psutil

        found = psutil.virtual_memory()
        return {"total": int(found.total), "available": int(found.available)}
    return {
        "total": _pages("SC_PHYS_PAGES"),
        "available": _available(),
    }


def _pages(name):
    """Bytes in the pages that `os.sysconf` counts, which Windows does not have and macOS not for free ones."""
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _available():
    """Bytes that programs can get, caches of files included."""
    with contextlib.suppress(OSError):
        found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.M)
        if found:
            return int(found[1]) * 1024
    return _pages("SC_AVPHYS_PAGES")


def gib(size):
    """Bytes as text in GiB."""
    return UNKNOWN if size is None else f"{size / _GIB:.1f} GiB"


def environment():
    """Environment variables that change what is computed where."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


def requirements():
    """What the package needs and can use: [{"name", "module", "extra" (None: needed), "bound", "version"}].

    `version` is None for what is not installed, and `bound` such as ">=2.0" is empty if there is none.
    """
    found = {}
    for text in _requirement_texts():
        name, bound, extra = _parsed(text)
        module = _MODULES.get(name.lower(), name.replace("-", "_"))
        if extra in _NO_LIBRARIES or name.lower() == DISTRIBUTION or name == "opencv-python-headless":
            continue
        found.setdefault(name, {"name": name, "module": module, "extra": extra, "bound": bound, "version": None})
    for entry in found.values():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            entry["version"] = importlib.metadata.version(entry["name"])
    return list(found.values())


def _requirement_texts():
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.requires(DISTRIBUTION) or []
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"  # a checkout that is used without installing it
    if not project.is_file():
        return []
    content = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    extras = content.get("optional-dependencies", {})
    return [*content["dependencies"], *(f'{text}; extra == "{e}"' for e, texts in extras.items() for text in texts)]


def _parsed(text):
    """Name, bound and extra (or None) of a requirement such as `dask[distributed]>=2024.12; extra == "dask"`."""
    requirement, _, marker = text.partition(";")
    name, bound = re.fullmatch(r"\s*([\w.-]+)\s*(?:\[[^]]*\])?\s*(.*?)\s*", requirement).groups()
    extra = re.search(r"""extra\s*==\s*["']([^"']+)""", marker)
    return name, bound.strip("() "), extra and extra[1]


def is_within(version, bound):
    """Whether a version satisfies a bound such as ">=2.0"; True if that cannot be told."""
    try:
        from packaging.specifiers import SpecifierSet
        from packaging.version import Version

        return SpecifierSet(bound).contains(Version(version), prereleases=True)
    except (ImportError, ValueError):
        return True
