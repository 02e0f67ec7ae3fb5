"""Image names in annotation files: inside the data folder, each used once; and reading and writing text."""

import json
import os
from pathlib import Path, PureWindowsPath

from mrcnn.errors import DataError
from mrcnn.files import whole_file
from mrcnn.images.read import EXTENSIONS, image_shape, list_images, natural_key

_IMAGE_FOLDERS = ("JPEGImages", "images", "Images")


def image_path(name, folder, where):
    """Path of the image that an annotation file names.

    Parameters
    ----------
    name : str
        Relative to `folder`, with slashes or backslashes; or absolute, inside it.
    folder : str or Path
        The data folder.
    where : str
        The place in the annotation file, for the error message.

    Raises
    ------
    DataError
        The name is empty or points outside the folder.
    """
    text = name.strip().replace("\\", "/") if isinstance(name, str) else ""
    if not text or "\0" in text:
        raise DataError(where, f"names no image ({name!r})", "Enter the file name of the image")
    root = Path(os.path.abspath(folder))
    path = Path(os.path.normpath(root / text))
    # Compared by name only: a link inside the folder is the user's own choice.
    if PureWindowsPath(text).drive or root not in path.parents:
        raise DataError(
            where,
            f"names the image {name}, which is outside the data folder {folder}",
            "Write its path relative to that folder, or pass the image folder as images=...",
        )
    return Path(folder) / path.relative_to(root)


def beside(folder, name, images, where):
    """Path of an image with its own annotation file: in `images`; by default in the file's folder or a sibling."""
    if images is not None:
        return image_path(name, images, where)
    tried = [image_path(name, candidate, where) for candidate in image_folders(folder)]
    return next((path for path in tried if path.is_file()), tried[0])


def image_folders(folder):
    """Folders that may hold the images of a folder of annotation files: the same, a sibling, or the parent."""
    folder = Path(folder)
    above = Path(os.path.abspath(folder)).parent
    beside_it = [above / name for name in _IMAGE_FOLDERS if (above / name).is_dir()]
    return [folder, *beside_it, *([] if beside_it else [above])]


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


def pictures_in(folders):
    """Images in the first of these folders that holds any, in natural order."""
    for folder in folders:
        found = list_images(folder) if Path(folder).is_dir() else []
        if found:
            return found
    raise DataError(
        folders[0],
        "has no images inside or in a folder next to it",
        f"Pass the image folder as images=... (supported formats: {', '.join(EXTENSIONS)})",
    )


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


def refuse_twice(annotations):
    """The list itself; raises `DataError` if two annotations are for the same image."""
    seen = {}
    for annotation in annotations:
        key = os.path.abspath(annotation.image)
        if key in seen:
            raise DataError(
                annotation.where,
                f"is for the image {annotation.image}, which is already listed in {seen[key]}",
                "Keep one of them, with the objects of both",
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


def read_text(path):
    """Text of a UTF-8 file, with or without a byte order mark; raises `DataError`."""
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
        raise DataError(path, f"cannot be read as JSON ({error})", "Export it again") from error


def write_text(path, text):
    """Write a UTF-8 text file, completely or not at all; raises `DataError`."""
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="")
