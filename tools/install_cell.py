"""Write the notebooks' install cell, their "Open in Colab" badge and their wish for a GPU, the same into each.

    python tools/install_cell.py            # after a change of the cell below or of the address in pyproject.toml
    python tools/install_cell.py --check    # says which notebooks differ, and fails if any does

The address of the repository is `Repository` under `[project.urls]` in pyproject.toml. Until it is there, the cell says
what to set, and there is no badge.
"""

import argparse
import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACEHOLDER = "https://github.com/OWNER/REPOSITORY"
GITHUB = "https://github.com/"  # Colab opens notebooks from there
BRANCH = "main"

# What is longer is in notebooks/colab_setup.py, which the cell runs. SystemExit stops "Run all" and shows one line.
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
@UNSET@        # The clone gets its name when it is complete; what had the name is put aside.
        !rm -rf "{CLONE}.part"
        !GIT_TERMINAL_PROMPT=0 git clone -q --depth 1 "{ADDRESS}" "{CLONE}.part"
        !test -e "{CLONE}.part" && mv -T --backup=numbered "{CLONE}.part" "{CLONE}"
        if not os.path.exists(SETUP):
            raise SystemExit(f"Cannot fetch {ADDRESS}: check it and the network.")
    runpy.run_path(SETUP, run_name="__main__")
    %cd -q {CLONE}/notebooks"""
# Only while the address is not known: git must not fetch whatever somebody may put at the placeholder.
UNSET = """\
        if ADDRESS == "@ADDRESS@":
            raise SystemExit("Set ADDRESS, in this cell, to mrcnn's repository.")
"""


def repository_address(pyproject):
    """The address that pyproject.toml gives, or the placeholder."""
    project = tomllib.loads(Path(pyproject).read_text(encoding="utf-8"))["project"]
    address = project.get("urls", {}).get("Repository", PLACEHOLDER)
    return address.rstrip("/").removesuffix(".git")


def install_cell(address):
    """Source of the install cell."""
    unset = UNSET if address == PLACEHOLDER else ""
    return CELL.replace("@UNSET@", unset).replace("@ADDRESS@", address)


def badge(address, name):
    """Markdown of the badge that opens a notebook in Colab, or None where Colab could not open it."""
    if address == PLACEHOLDER or not address.startswith(GITHUB):
        return None
    target = f"https://colab.research.google.com/github/{address.removeprefix(GITHUB)}/blob/{BRANCH}/notebooks/{name}"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({target})"


def with_badge(text, mark):
    """The text of the first cell with this badge, or none, below its title."""
    title, newline, rest = re.sub(r"\n\n\[!\[Open in Colab\].*", "", text).partition("\n")
    return title + (f"\n\n{mark}" if mark else "") + newline + rest


def rewritten(content, name, address):
    """The JSON text of a notebook as it should be.

    Raises
    ------
    SystemExit
        Its second cell is not an install cell.
    """
    notebook = json.loads(content)
    first, second = notebook["cells"][:2]
    if second["cell_type"] != "code" or '"google.colab" in sys.modules' not in "".join(second["source"]):
        raise SystemExit(
            f"{name}: the second cell is not the install cell; put a code cell there that holds "
            '`"google.colab" in sys.modules`, and run this again.'
        )
    first["source"] = with_badge("".join(first["source"]), badge(address, name)).splitlines(keepends=True)
    second["source"] = install_cell(address).splitlines(keepends=True)
    notebook["metadata"] = dict(sorted({**notebook["metadata"], "accelerator": "GPU"}.items()))
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main(arguments=None):
    """Rewrite or check all notebooks; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a notebook differs")
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="folder of notebooks")
    parser.add_argument("--pyproject", type=Path, default=ROOT / "pyproject.toml", help="where the address is")
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
        print(f"{path}: " + ("differs; run python tools/install_cell.py" if args.check else "rewritten"))
    return int(args.check and bool(different))


if __name__ == "__main__":
    sys.exit(main())
