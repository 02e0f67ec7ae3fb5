"""What the install cell of the notebooks runs on Google Colab: installs the package beside what is there already.

Colab's kernel has loaded NumPy and more before the first cell runs, and a library that is replaced under a running
kernel breaks the next import. Everything that is installed is therefore pinned: pip may only add to it.
"""

import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parents[1]
# Names of this distribution, today's and the former; PyPI's `mrcnn` is another package, which is forgotten as well.
OWN_NAMES = ("mrcnn-keras", "mrcnn")


def wanted():
    """The package's requirements, and zarr, for the notebooks about wafers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    # Not the whole extra: ome-zarr is not used here, and it wants an s3fs that does not go with Colab's fsspec.
    zarr = [
        line
        for line in project["optional-dependencies"]["zarr"]
        if Requirement(line).name == "zarr"
    ]
    requirements = [Requirement(line) for line in project["dependencies"] + zarr]
    return [r for r in requirements if r.marker is None or r.marker.evaluate()]


def is_version(text):
    """Whether pip can read it as a version."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def installed():
    """Name and version of everything that is installed, as the kernel sees it, except this package itself."""
    found = {}
    for distribution in importlib.metadata.distributions():
        try:
            about = distribution.metadata or {}
        # Newer versions of importlib.metadata raise where there is no metadata.
        except FileNotFoundError:
            continue
        name, version = about.get("Name"), about.get("Version")
        # Without a name or version it is half removed, or the system's own: pip cannot name it either.
        if name and is_version(version or ""):
            # Of one found twice, the first is imported.
            found.setdefault(canonicalize_name(name), version)
    for name in OWN_NAMES:
        found.pop(name, None)
    return found


def missing(requirements, versions):
    """Those of the requirements that are not installed, in any version."""
    return [r for r in requirements if canonicalize_name(r.name) not in versions]


def clashes(who, requirements, versions):
    """A phrase for each requirement of which a version is installed that does not meet it."""
    there = [(r, versions.get(canonicalize_name(r.name))) for r in requirements]
    return [
        f"{who} needs {r} and {version} is installed"
        for r, version in there
        if version and not r.specifier.contains(version, prereleases=True)
    ]


def pip_install(requirements, versions):
    """Add the package and the requirements to what is installed, which stays as it is; pip's return code and output."""
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "installed.txt"
        pins.write_text(
            "".join(f"{name}=={version}\n" for name, version in versions.items()),
            encoding="utf-8",
        )
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
            "--constraint",
            str(pins),
            str(ROOT),
            *map(str, requirements),
        ]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
    return done.returncode, done.stdout


def conflict(output, versions):
    """What pip could not reconcile with what is installed, by its output; empty where it failed for another reason."""
    for who, demand in re.findall(r"^ +(\S+ \S+) depends on (.+)$", output, flags=re.M):
        if phrases := clashes(who, [Requirement(demand)], versions):
            return phrases  # of the newest version that pip tried; older ones repeat it
    return []


def stop_for(phrases):
    """Stop, as something that is installed would have to be replaced."""
    raise SystemExit(
        f"{'; '.join(phrases)}: choose the latest version under Runtime, Change runtime type; or run "
        f"`%pip install {ROOT} zarr`, which replaces it, restart the session and run all cells."
    )


def found_package():
    """The folder that `import mrcnn` takes, or None; also where that is another package of this name."""
    spec = importlib.util.find_spec("mrcnn")
    return (
        Path(next(iter(spec.submodule_search_locations)))
        if spec and spec.submodule_search_locations
        else None
    )


def is_ours(package):
    """Whether the folder holds this package: PyPI's `mrcnn`, Matterport's and a folder of this name do not."""
    return package is not None and (package / "geometry" / "instances.py").is_file()


def main():
    """Install, unless everything is there.

    Raises
    ------
    SystemExit
        It cannot be installed without replacing something, or not at all; or another package named `mrcnn` is in the way.
    """
    requirements, versions = wanted(), installed()
    if phrases := clashes("mrcnn", requirements, versions):
        stop_for(phrases)
    if is_ours(found_package()) and not missing(requirements, versions):
        return
    print("Installing mrcnn; this takes up to a minute.", flush=True)
    code, output = pip_install(requirements, versions)
    if code:
        if phrases := conflict(output, versions):
            stop_for(phrases)
        print(
            *[line.strip() for line in output.splitlines() if "ERROR: " in line]
            or [output],
            sep="\n",
        )
        raise SystemExit(
            "pip could not install mrcnn, see above: check that this runtime reaches the internet and has "
            "room on its disk, then run this cell again."
        )
    for name in [
        n for n in sys.modules if n.partition(".")[0] == "mrcnn"
    ]:  # what was imported in its place
        del sys.modules[name]
    importlib.invalidate_caches()
    package = found_package()
    if not is_ours(package):
        raise SystemExit(
            f"`import mrcnn` takes {package}, which is another package: rename that folder, restart the "
            "session and run this cell again."
        )


if __name__ == "__main__":
    main()
