"""The class names of YOLO: `classes.txt` or `obj.names`, one per line, or `names` in a `data.yaml`."""

import json
import os
import re
from pathlib import Path

from mrcnn.errors import DataError
from mrcnn.formats.checked import cut, listed, name_of_class, shown, whole
from mrcnn.formats.paths import read_text

LISTS = ("classes.txt", "obj.names")
YAML = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_CURE = "Write `names: [first, second]` in it, or pass a text file with one name per line as class_file"
_KEY = re.compile(r"""(?P<key>[\w-]+|'[^']*'|"[^"]*")\s*:(?:\s+(?P<value>.*))?""")
_ITEM = re.compile(r"""\s*(?:(?P<number>\d+)\s*:\s*)?(?P<name>'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^,'"\[\]{}#]+)\s*""")


def find_class_file(folder):
    """The file of class names of a folder of label files.

    In the folder or one above; a `data.yaml` also two above, as in Roboflow's `train/labels`.

    Raises
    ------
    DataError
        There is none, or two of them in one folder name different classes.
    """
    above = Path(os.path.abspath(folder)).parent
    for place, names in ((Path(folder), LISTS + YAML), (above, LISTS + YAML), (above.parent, YAML)):
        found = [place / name for name in names if (place / name).is_file()]
        if found:
            _check_same(found)
            return found[0]
    raise DataError(
        folder,
        f"has no file of class names ({', '.join(LISTS)} or {YAML[0]})",
        "Create it, one name per line in the order of the class numbers, or pass its path as class_file",
    )


def class_names(path):
    """{class number: name} of a file of class names; raises `DataError` for an unnamed class and a repeated name."""
    path = Path(path)
    is_yaml = path.suffix.lower() in (".yaml", ".yml")
    found = _of_yaml(path) if is_yaml else _of_lines(path)
    seen = {}
    for number, (where, text) in found.items():
        name = name_of_class(where, text)
        if not name or name in seen:
            raise DataError(
                where,
                f"names the class '{name}' twice"
                if name
                else "is empty"
                if not is_yaml
                else f"has no name for {number}",
                "Each line must be the name of one class" if not is_yaml else "Each class must have a name of its own",
            )
        seen[name] = number
    return {number: name for name, number in seen.items()}


def _check_same(files):
    names = [class_names(file) for file in files[:2]] if len(files) > 1 else []
    if names and names[0] != names[1]:
        first, second = (listed(found.values()) for found in names)
        raise DataError(
            files[0],
            f"names the classes {first}, but {files[1].name} beside it {second}",
            "Pass the one that belongs to the labels as class_file",
        )


def _of_lines(path):
    lines = [line.strip() for line in read_text(path).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return {number: (f"{path}, line {number + 1}", line) for number, line in enumerate(lines)}


# --- YAML: only `names` is read, in the three forms in which programs write it ---
def _of_yaml(path):
    lines = read_text(path).splitlines()
    keys = {}
    for i, line in enumerate(lines):
        match = _KEY.fullmatch(line.rstrip()) if line[:1] not in (" ", "\t", "#", "-") else None
        if match:
            keys.setdefault(match["key"].strip("'\""), (i, (match["value"] or "").strip()))
    if "kpt_shape" in keys:
        raise DataError(
            path, "is for keypoints (kpt_shape), which have no area", "Export boxes or outlines of the objects"
        )
    if "names" not in keys:
        raise DataError(path, "has no class names (`names`)", _CURE)
    line, value = keys["names"]
    where = f"{path}, line {line + 1}"
    value = _uncommented(value)
    if value[:1] in ("[", "{"):
        items = _flow(where, value, lines[line + 1 :])
    elif value:
        raise DataError(where, f"has names = {shown(value)}, which is no list", _CURE)
    else:
        items = _block(path, line + 1, lines)
    found = {}
    for place, number, name in items:
        number = len(found) if number is None else whole(place, "a class number", number, 0, cure="Correct the number")
        if number in found:
            raise DataError(place, f"gives a second name to the class number {number}", "Correct the number")
        found[number] = place, name
    if "nc" in keys and found:
        count = whole(f"{path}, line {keys['nc'][0] + 1}", "nc", _uncommented(keys["nc"][1]), 0, cure="Correct it")
        if count != max(found) + 1:
            raise DataError(path, f"has nc = {count}, but names {len(found)} classes", "Correct nc or names")
    if not found:
        raise DataError(where, "names no class", _CURE)
    return found


def _uncommented(text):
    """The text without a comment; a # within a name or quotes stays."""
    return re.sub(r"""^((?:[^'"#]|'[^']*'|"[^"]*"|(?<=\S)#)*?)\s*(?:(?<!\S)#.*)?$""", r"\1", text)


def _flow(where, value, following):
    """(where, number or None, name) of `[a, 'b']` or `{0: a, 1: b}`, which may go on in the lines that follow."""
    close = "]" if value[0] == "[" else "}"
    for line in following:
        if value.endswith(close):
            break
        value += " " + _uncommented(line.strip())
    if not value.endswith(close):
        raise DataError(where, f"has names without a closing {close}", _CURE)
    inner, items, position = value[1:-1].strip().rstrip(",").rstrip(), [], 0
    while position < len(inner):
        match = _ITEM.match(inner, position)
        end = match.end() if match else position
        if not match or inner[end : end + 1] not in ("", ",") or (match["number"] is None) == (close == "}"):
            raise DataError(where, f"has names that cannot be read, from {shown(inner[position:])}", _CURE)
        items.append((where, match["number"], _unquoted(match["name"])))
        position = end + 1
    return items


def _block(path, start, lines):
    """(where, number or None, name) of the lines `- a`, or `0: a`, below `names:`."""
    items = []
    for i, line in enumerate(lines[start:], start=start + 1):
        text = _uncommented(line).strip()
        if not text:
            continue
        if line[0] not in (" ", "\t", "-"):
            break
        place = f"{path}, line {i}"
        item = re.fullmatch(r"""-\s+(?P<name>.+)|['"]?(?P<number>\d+)['"]?\s*:\s+(?P<named>.+)""", text)
        if item is None:
            raise DataError(place, f"is not the name of a class: {cut(text, 60)}", _CURE)
        items.append((place, item["number"], _unquoted(item["name"] or item["named"])))
    return items


def _unquoted(text):
    text = text.strip()
    if text[:1] == text[-1:] == "'" and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if text[:1] == text[-1:] == '"' and len(text) > 1:
        try:
            return json.loads(text)
        except ValueError:
            return text[1:-1]
    return text
