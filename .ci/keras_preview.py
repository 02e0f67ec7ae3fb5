"""Print the newest pre-release of Keras if it is newer than the newest release, otherwise nothing.

For the Python that runs this, and with its pip. A line on standard error states what was found.
"""

import re
import subprocess
import sys

from packaging.version import InvalidVersion, Version


def newest_preview(versions):
    """The newest of these versions if it is a pre-release, otherwise None."""
    known = [v for v in map(_parsed, versions) if v is not None]
    newest = max(known, default=None)
    return str(newest) if newest is not None and newest.is_prerelease else None


def _parsed(text):
    try:
        return Version(text)
    except InvalidVersion:
        return None


def available(package):
    """Versions of a package that pip finds, newest first; an empty list if it cannot ask."""
    command = [sys.executable, "-m", "pip", "index", "versions", package, "--pre", "--disable-pip-version-check"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return []
    listed = re.search(r"^Available versions: (.+)$", done.stdout, re.MULTILINE)
    return listed[1].split(", ") if listed else []


def main():
    versions = available("keras")
    preview = newest_preview(versions)
    if preview:
        print(preview)
        found = f"Keras {preview} is a pre-release that is newer than the newest release."
    elif versions:
        found = f"There is no pre-release of Keras newer than {versions[0]}."
    else:
        found = "pip could not list the versions of Keras, so no pre-release is tested."
    print(found, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
