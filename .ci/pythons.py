"""Print one Python of each minor version listed in pyproject.toml, from the PATH and the folders of version managers.

Usage: pythons.py [--but PYTHON]. One line per Python: version, space, path. Uses only the standard library, because it
runs before anything is installed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Folders of pyenv, uv, asdf and mise, with one folder per version.
MANAGERS = (
    "{PYENV_ROOT}/versions",
    "~/.pyenv/versions",
    "~/.local/share/uv/python",
    "~/.asdf/installs/python",
    "~/.local/share/mise/installs/python",
    "/opt/python",
)


def supported():
    """Minor versions such as "3.12" from the classifiers, in the same order."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", c) for c in project["classifiers"]]
    return [match.group(1) for match in found if match]


def version_of(python):
    """Minor version of a Python, or None if it does not run (pyenv's shims fail for versions that are not selected)."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def candidates(minor):
    """Possible paths of a Python of this minor version."""
    on_path = shutil.which(f"python{minor}")
    if on_path:
        yield on_path
    for manager in MANAGERS:
        folder = Path(os.path.expanduser(manager.format(PYENV_ROOT=os.environ.get("PYENV_ROOT", "~/.pyenv"))))
        yield from map(str, sorted(folder.glob(f"*/bin/python{minor}"), reverse=True))


def find():
    """Path of a working Python, by minor version."""
    found = {}
    for minor in supported():
        path = next((p for p in candidates(minor) if version_of(p) == minor), None)
        if path:
            found[minor] = path
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--but", help="leave out the minor version of this Python")
    left_out = parser.parse_args().but
    left_out = version_of(shutil.which(left_out) or left_out) if left_out else None
    for minor, path in find().items():
        if minor != left_out:
            print(minor, path)


if __name__ == "__main__":
    sys.exit(main())
