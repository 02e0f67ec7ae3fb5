"""Image names in annotation files: inside the data folder, each used once; and reading and writing text."""

import json
import os
from pathlib import Path

from mrcnn.errors import DataError
from mrcnn.files import name_problem, path_inside, whole_file
from mrcnn.formats.checked import cut, shown
from mrcnn.images.read import image_shape, natural_key

MAX_TEXT_BYTES = 2 * 2**30  # of an annotation file; JSON takes about ten times as much in memory
_IMAGE_FOLDERS = ("JPEGImages", "images", "Images")


def image_path(name, folder, where):
    """Path of the image that an annotation file names.

    Parameters
    ----------
    name : str
        As for `mrcnn.files.path_inside`, which decides.
    folder : str or Path
        The data folder.
    where : str
        The place in the annotation file, for the error message.

    Raises
    ------
    DataError
        The name is empty or cannot be one, or points outside the folder.
    """
    text = name.strip() if isinstance(name, str) else ""
    path = path_inside(folder, text)
    if path is not None:
        return path
    last = last_part(text)
    problem = name_problem(last)
    if problem:
        raise DataError(
            where, f"names no image ({shown(name)}): the name {problem}", "Enter the file name of the image"
        )
    raise DataError(
        where,
        f"names the image {cut(text)}, which is outside the data folder {folder}",
        f"Write its path relative to that folder, or pass the folder that holds {cut(last)} as images=...",
    )


def last_part(text):
    """What follows the last slash or backslash of a path."""
    return text.replace("\\", "/").rstrip("/").rpartition("/")[2]


def image_folders(folder, above=True):
    """Folders that may hold the images of a folder of annotation files, in the order in which they are searched.

    The same folder; where `labels` is replaced by `images` in its path, as in `labels/train`; a folder `images` inside
    or next to it; and with `above`, only if none of these exists, the folder above.
    """
    folder = Path(folder)
    parent = Path(os.path.abspath(folder)).parent
    found = [place / name for place in (folder, parent) for name in _IMAGE_FOLDERS]
    found = [place for place in (_of_labels(folder), *found) if place is not None and place.is_dir()]
    return [folder, *(found or [parent] * above)]


def folders_of_file(path, images):
    """Folders that may hold the images that one annotation file names, in the order in which they are searched.

    The user's, if there is one (`images`); otherwise that of the file, and a folder `images` inside it. If the file is
    in a folder `annotations` or `labels`, also `images` next to that.
    """
    if images is not None:
        return [Path(images)]
    folder = Path(path).parent
    above = (
        [Path(os.path.abspath(folder)).parent] if folder.absolute().name.lower() in ("annotations", "labels") else []
    )
    found = [place / name for place in (folder, *above) for name in _IMAGE_FOLDERS]
    return [folder, *(place for place in found if place.is_dir())]


def _of_labels(folder):
    """The folder with the last part called `labels` replaced by `images`, or None if there is none."""
    parts = list(Path(os.path.abspath(folder)).parts)
    places = [i for i, part in enumerate(parts) if part.lower() == "labels"]
    if not places:
        return None
    name = parts[places[-1]]
    parts[places[-1]] = "IMAGES" if name.isupper() else "Images" if name[0].isupper() else "images"
    return Path(*parts)


def written_name(annotation, folder, where):
    """The image's path relative to `folder`, with slashes; raises `DataError` if it is not inside."""
    root, path = Path(os.path.abspath(folder)), Path(os.path.abspath(annotation.image))
    if root not in path.parents:
        raise DataError(
            where,
            f"would name the image {annotation.image}, which is outside {folder}",
            "Pass the image folder as images=..., or write the file there",
        )
    return path.relative_to(root).as_posix()


def shape_of(image):
    """Rows and columns of an image from its header, or None if the image does not exist."""
    return image_shape(image)[:2] if Path(image).is_file() else None


def needed_shape(annotation, where):
    """Rows and columns of an annotation's image; raises `DataError` if they are unknown."""
    shape = annotation.image_shape or shape_of(annotation.image)
    if shape is None:
        raise DataError(
            where,
            f"needs the size of {annotation.image}, which does not exist",
            "Give image_shape, or correct the path of the image",
        )
    return shape


def files_of(folder, suffix):
    """Files of a folder with this suffix, in upper or lower case, in natural order; without dot-files.

    Raises `DataError` if it is not a folder, or if two names differ only in the case of the suffix.
    """
    if not Path(folder).is_dir():
        raise DataError(folder, "is not a folder", "Check the path")
    found = sorted(
        (
            path
            for path in Path(folder).iterdir()
            if path.is_file() and path.suffix.lower() == suffix and not path.name.startswith(".")
        ),
        key=lambda path: (natural_key(path), path.name),
    )
    stems = {}
    for path in found:
        other = stems.setdefault(path.stem, path)
        if other is not path:
            raise DataError(
                path, f"has the same name as {other.name}, except for the case of {suffix}", "Keep one of them"
            )
    return found


def refuse_twice(annotations, cure="Keep one of them, with the objects of both"):
    """The list itself; raises `DataError` if two annotations are for the same image."""
    seen = {}
    for annotation in annotations:
        key = os.path.abspath(annotation.image)
        if key in seen:
            raise DataError(
                annotation.where,
                f"is for the image {annotation.image}, which is already listed in {seen[key]}",
                cure,
            )
        seen[key] = annotation.where
    return annotations


def file_names(annotations, folder, suffix):
    """For formats with one file per image: the path of each annotation's file; raises `DataError` if two share one."""
    paths, owners = [], {}
    for annotation in annotations:
        path = Path(folder) / f"{annotation.image.stem}{suffix}"
        owner = owners.setdefault(path.name.lower(), annotation)  # some file systems ignore case
        if owner is not annotation:
            raise DataError(
                path,
                f"would belong to both {owner.image} and {annotation.image}",
                "Rename one of the images, or write them to different folders",
            )
        paths.append(path)
    return paths


def check_name(where, name):
    """Raise `DataError` for a name with control characters such as line breaks, which no format supports."""
    if not str(name).isprintable():
        raise DataError(where, f"would contain the name {name!r}, which has control characters", "Rename it")


def check_text_size(path):
    """Raise `DataError` for a file of more than `MAX_TEXT_BYTES`; one that does not exist passes."""
    try:
        size = Path(path).stat().st_size
    except OSError:
        return
    if size > MAX_TEXT_BYTES:
        raise DataError(
            path,
            f"has {size} bytes, more than the limit of {MAX_TEXT_BYTES} for annotations",
            "Export fewer images per file, or raise mrcnn.formats.paths.MAX_TEXT_BYTES if you trust it",
        )


def read_text(path):
    """Text of a UTF-8 file, with or without a byte order mark; raises `DataError`, also above `MAX_TEXT_BYTES`."""
    check_text_size(path)
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DataError(path, f"cannot be read ({reason})", "Check the path, or save the file as UTF-8") from error


def read_json(path):
    """Content of a JSON file; raises `DataError`."""
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}",
            f"is not valid JSON ({error.msg})",
            "The file is damaged or has a different format: export it again",
        ) from error
    except (ValueError, RecursionError) as error:  # a number with too many digits, or lists nested too deeply
        raise DataError(path, f"cannot be read as JSON ({cut(str(error))})", "Export it again") from error


def write_text(path, text):
    """Write a UTF-8 text file, completely or not at all; raises `DataError`."""
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="")
