"""Write the list of subpackages ("rooms") and files to docs/architecture.md, and their import order to an image.

    python tools/rooms.py            # after a file was added or moved, or its description changed
    python tools/rooms.py --check    # fails if the list in the document is out of date

The order is defined here; tests/test_architecture.py checks that imports follow it.
"""

import argparse
import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT, IMAGE = ROOT / "docs" / "architecture.md", ROOT / "docs" / "figures" / "rooms.png"
BEGIN, END = "<!-- rooms: written by tools/rooms.py -->\n", "<!-- end of rooms -->\n"
# The rooms from the bottom up, in groups. A room may import from rooms below it, or to its left in its group.
ORDER = (
    ("errors", "files", "lazy", "quiet", "hardware", "keras_private"),
    ("geometry", "layers", "losses"),
    ("config_values", "config_checks", "config"),
    ("images",),
    ("formats",),
    ("data",),
    ("evaluate", "plot", "results", "nets"),
    ("weights",),
    ("inference",),
    ("training",),
    ("engine",),
    ("search",),
    ("presets",),
    ("options",),
    ("commands",),
    ("domains",),
    ("__main__",),
    # Matterport's names, and code needed only for their old signatures: no other room imports these.
    ("legacy", "model", "utils", "visualize", "parallel_model"),
)


def room_files(room):
    """The files of a room, or the single file that makes up the room."""
    folder = ROOT / "mrcnn" / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def first_line(path):
    """The docstring of a file up to the first full stop or blank line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).partition(". ")[0].rstrip(".")


def listing():
    """Markdown list of all rooms with their purpose, and one line per file."""
    lines = []
    for group in ORDER:
        for room in group:
            files = room_files(room)
            face = files[0] if files[0].name == "__init__.py" else None
            lines.append(f"\n**`{room}{'/' if face else '.py'}`** {first_line(files[0])}.\n")
            for path in (p for p in files if p.name != "__init__.py" and face):
                name = path.relative_to(ROOT / "mrcnn" / room).with_suffix("").as_posix()
                lines.append(f"- `{name}` {first_line(path)}.")
    return "\n".join(lines).lstrip("\n") + "\n"


def draw(path):
    """Draw the rooms with their lines of code, the lowest room at the bottom."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=(9, 0.46 * len(ORDER)), layout="constrained")
    for level, group in enumerate(ORDER):
        for place, room in enumerate(group):
            width = 10 / len(group)
            box = plt.Rectangle((place * width, level), width - 0.08, 0.86, facecolor="#dce9f5", edgecolor="#33658a")
            ax.add_patch(box)
            count = sum(len(p.read_text(encoding="utf-8").splitlines()) for p in room_files(room))
            ax.text((place + 0.5) * width, level + 0.43, f"{room}  ({count})", ha="center", va="center", fontsize=9)
    ax.set(xlim=(0, 10), ylim=(-0.2, len(ORDER)))
    ax.set_axis_off()
    ax.set_title(
        "Subpackages of mrcnn (lines of code): each may import from those below it or to its left", fontsize=10
    )
    figure.savefig(path, dpi=120)
    plt.close(figure)


def written(document):
    """The document with the current list between its markers."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + listing() + END + after


def main(arguments=None):
    """Write or check the document; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="do not write; fail if the document is out of date")
    check = parser.parse_args(arguments).check
    document = DOCUMENT.read_text(encoding="utf-8")
    wanted = written(document)
    if check:
        if wanted != document:
            print(f"{DOCUMENT}: out of date; run python tools/rooms.py")
        return int(wanted != document)
    DOCUMENT.write_text(wanted, encoding="utf-8", newline="\n")
    draw(IMAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
