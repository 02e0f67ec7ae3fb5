"""Write the rooms of the package into docs/architecture.md: their order as an image, and each file with a line.

    python tools/rooms.py            # after a file was added, moved or described anew
    python tools/rooms.py --check    # fails where the list in the document is not that of the package

The order is here, and tests/test_architecture.py holds the imports to it.
"""

import argparse
import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT, IMAGE = ROOT / "docs" / "architecture.md", ROOT / "docs" / "figures" / "rooms.png"
BEGIN, END = "<!-- rooms: written by tools/rooms.py -->\n", "<!-- end of rooms -->\n"
# The rooms from the ground up, in groups. A room imports what is below it, or left of it in its group.
ORDER = (
    ("errors", "files", "lazy", "quiet", "hardware"),
    ("geometry", "layers", "losses"),
    ("config_checks", "config"),
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
    # Matterport's names, and what only their old signatures need: nobody else imports these.
    ("legacy", "model", "utils", "visualize", "parallel_model"),
)


def room_files(room):
    """The files of a room; of a room that is one file, that file."""
    folder = ROOT / "mrcnn" / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def first_line(path):
    """What a file says of itself, up to the first full stop or blank line."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).partition(". ")[0].rstrip(".")


def listing():
    """Markdown: each room with what it is for, and its files with a line each."""
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
    """The rooms as an image with their lines of code, the ground at the bottom."""
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
    ax.set_title("Rooms of mrcnn (lines): each imports what is below it, or left of it", fontsize=10)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def written(document):
    """The document with today's list between its marks."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + listing() + END + after


def main(arguments=None):
    """Write or check; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the document differs")
    check = parser.parse_args(arguments).check
    document = DOCUMENT.read_text(encoding="utf-8")
    wanted = written(document)
    if check:
        if wanted != document:
            print(f"{DOCUMENT}: differs; run python tools/rooms.py")
        return int(wanted != document)
    DOCUMENT.write_text(wanted, encoding="utf-8", newline="\n")
    draw(IMAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
