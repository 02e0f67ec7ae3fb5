"""Write the same install cell, "Open in Colab" badge and GPU request to all notebooks.

    python tools/install_cell.py            # after a change to the cell below or to the address in pyproject.toml
    python tools/install_cell.py --check    # lists notebooks that are out of date, and fails if there are any

The address of the repository is `Repository` under `[project.urls]` in pyproject.toml. Until it is set there, the cell
explains what to set, and there is no badge.
"""

import argparse
import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACEHOLDER = "https://github.com/OWNER/REPOSITORY"
GITHUB = "https://github.com/"  # Colab can open notebooks from here
BRANCH = "main"

# Longer code is in notebooks/colab_setup.py, which the cell runs. SystemExit stops "Run all" and shows one line.
CELL = """\
# On Google Colab this installs mrcnn; elsewhere it does nothing (see README.md).
import sys

if "google.colab" in sys.modules:
    import os
    import runpy

    ADDRESS = "@ADDRESS@"
    CLONE = os.environ.get("MRCNN_COLAB_FOLDER", "/content/mrcnn")
    SETUP = f"{CLONE}/notebooks/colab_setup.py"
    if not os.path.exists(SETUP):
@UNSET@        # It is renamed once complete; an existing folder is kept as a backup.
        !rm -rf "{CLONE}.part"
        !GIT_TERMINAL_PROMPT=0 git clone -q --depth 1 "{ADDRESS}" "{CLONE}.part"
        !test -e "{CLONE}.part" && mv -T --backup=numbered "{CLONE}.part" "{CLONE}"
        if not os.path.exists(SETUP):
            raise SystemExit(f"Cannot fetch {ADDRESS}: check it and the network.")
    runpy.run_path(SETUP, run_name="__main__")
    %cd -q {CLONE}/notebooks"""
# Only used until the address is set: git must not fetch whatever a third party puts at the placeholder address.
UNSET = """\
        if ADDRESS == "@ADDRESS@":
            raise SystemExit("Set ADDRESS, in this cell, to mrcnn's repository.")
"""


def repository_address(pyproject):
    """The address from pyproject.toml, or the placeholder."""
    project = tomllib.loads(Path(pyproject).read_text(encoding="utf-8"))["project"]
    address = project.get("urls", {}).get("Repository", PLACEHOLDER)
    return address.rstrip("/").removesuffix(".git")


def install_cell(address):
    """Source of the install cell."""
    unset = UNSET if address == PLACEHOLDER else ""
    return CELL.replace("@UNSET@", unset).replace("@ADDRESS@", address)


def badge(address, name):
    """Markdown of the badge that opens a notebook in Colab, or None if Colab cannot open it."""
    if address == PLACEHOLDER or not address.startswith(GITHUB):
        return None
    target = f"https://colab.research.google.com/github/{address.removeprefix(GITHUB)}/blob/{BRANCH}/notebooks/{name}"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({target})"


def with_badge(text, mark):
    """The text of the first cell with this badge (or without a badge) below its title."""
    title, newline, rest = re.sub(r"\n\n\[!\[Open in Colab\].*", "", text).partition("\n")
    return title + (f"\n\n{mark}" if mark else "") + newline + rest


def rewritten(content, name, address):
    """The up-to-date JSON text of a notebook.

    Raises
    ------
    SystemExit
        The second cell is not an install cell.
    """
    notebook = json.loads(content)
    first, second = notebook["cells"][:2]
    if second["cell_type"] != "code" or '"google.colab" in sys.modules' not in "".join(second["source"]):
        raise SystemExit(
            f"{name}: the second cell is not the install cell. Insert a code cell there that contains "
            '`"google.colab" in sys.modules`, and run this script again.'
        )
    first["source"] = with_badge("".join(first["source"]), badge(address, name)).splitlines(keepends=True)
    second["source"] = install_cell(address).splitlines(keepends=True)
    notebook["metadata"] = dict(sorted({**notebook["metadata"], "accelerator": "GPU"}.items()))
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main(arguments=None):
    """Update or check all notebooks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="do not write; fail if a notebook is out of date")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="folder of notebooks")
    parser.add_argument(
        "--pyproject", type=Path, default=ROOT / "pyproject.toml", help="file that contains the address"
    )
    args = parser.parse_args(arguments)
    address = repository_address(args.pyproject)
    different = []
    for path in sorted(args.notebooks.glob("*.ipynb")):
        content = path.read_text(encoding="utf-8")
        wanted = rewritten(content, path.name, address)
        if wanted != content:
            different.append(path)
            if not args.check:
                path.write_text(wanted, encoding="utf-8", newline="\n")
    for path in different:
        print(f"{path}: " + ("out of date; run python tools/install_cell.py" if args.check else "updated"))
    return int(args.check and bool(different))


if __name__ == "__main__":
    sys.exit(main())
