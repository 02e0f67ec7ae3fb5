"""Names of pictures in annotation files: inside of the data folder, each once; and reading and writing text."""

import json
import os
from pathlib import Path, PureWindowsPath

from mrcnn.errors import DataError
from mrcnn.files import whole_file
from mrcnn.images.read import EXTENSIONS, image_shape, list_images, natural_key

_IMAGE_FOLDERS = ("JPEGImages", "images", "Images")


def image_path(name, folder, where):
    """Path of the picture that an annotation file names.

    Parameters
    ----------
    name : str
        Relative to `folder`, with slashes or backslashes; or absolute, inside of it.
    folder : str or Path
        The data folder.
    where : str
        The place in the annotation file, for the message.

    Raises
    ------
    DataError
        The name is empty, or leads out of the folder.
    """
    text = name.strip().replace("\\", "/") if isinstance(name, str) else ""
    if not text or "\0" in text:
        raise DataError(where, f"names no picture ({name!r})", "Write the picture's file name there")
    root = Path(os.path.abspath(folder))
    path = Path(os.path.normpath(root / text))
    # By the names alone: a link inside of the folder is of the user's own making.
    if PureWindowsPath(text).drive or root not in path.parents:
        raise DataError(
            where,
            f"names the picture {name}, which is outside of the data folder {folder}",
            "Write its path relative to that folder, or pass the folder that holds the pictures as images",
        )
    return Path(folder) / path.relative_to(root)


def beside(folder, name, images, where):
    """Path of a picture named in a file of its own: in `images`; by default in the file's folder or one beside it."""
    if images is not None:
        return image_path(name, images, where)
    tried = [image_path(name, candidate, where) for candidate in image_folders(folder)]
    return next((path for path in tried if path.is_file()), tried[0])


def image_folders(folder):
    """Where the pictures of a folder of annotation files may lie: there, beside it, or above it."""
    folder = Path(folder)
    above = Path(os.path.abspath(folder)).parent
    beside_it = [above / name for name in _IMAGE_FOLDERS if (above / name).is_dir()]
    return [folder, *beside_it, *([] if beside_it else [above])]


def written_name(annotation, folder, where):
    """The picture's path relative to `folder`, with slashes; raises `DataError` when it is not in there."""
    root, path = Path(os.path.abspath(folder)), Path(os.path.abspath(annotation.image))
    if root not in path.parents:
        raise DataError(
            where,
            f"would name the picture {annotation.image}, which is outside of {folder}",
            "Pass the folder that holds the pictures as images, or write the file there",
        )
    return path.relative_to(root).as_posix()


def shape_of(image):
    """Rows and columns of a picture from its header, or None when it is not there."""
    return image_shape(image)[:2] if Path(image).is_file() else None


def needed_shape(annotation, where):
    """Rows and columns of an annotation's picture; raises `DataError` when nobody knows them."""
    shape = annotation.image_shape or shape_of(annotation.image)
    if shape is None:
        raise DataError(
            where,
            f"needs the size of {annotation.image}, which is not there",
            "Give image_shape, or the path under which the picture is",
        )
    return shape


def pictures_in(folders):
    """Pictures of the first of these folders that holds any, in natural order."""
    for folder in folders:
        found = list_images(folder) if Path(folder).is_dir() else []
        if found:
            return found
    raise DataError(
        folders[0],
        "has no pictures in it or beside it",
        f"Pass the folder that holds them as images (readable are {', '.join(EXTENSIONS)})",
    )


def files_of(folder, suffix):
    """Files of a folder with this suffix, in upper or lower case, in natural order; without dot-files.

    Raises `DataError` when it is no folder, or two of the names differ by the case of the suffix alone.
    """
    if not Path(folder).is_dir():
        raise DataError(folder, "is no folder", "Check the path")
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
                path, f"has the same name as {other.name}, but for the case of {suffix}", "Keep one of them"
            )
    return found


def refuse_twice(annotations):
    """The list again; raises `DataError` when two of the annotations are of the same picture."""
    seen = {}
    for annotation in annotations:
        key = os.path.abspath(annotation.image)
        if key in seen:
            raise DataError(
                annotation.where,
                f"is of the picture {annotation.image}, which is listed before, in {seen[key]}",
                "Keep one of them, with the objects of both",
            )
        seen[key] = annotation.where
    return annotations


def file_names(annotations, folder, suffix):
    """For formats with a file a picture: the file's path for each annotation; raises `DataError` if two share one."""
    paths, owners = [], {}
    for annotation in annotations:
        path = Path(folder) / f"{annotation.image.stem}{suffix}"
        owner = owners.setdefault(path.name.lower(), annotation)  # some file systems take A and a for one
        if owner is not annotation:
            raise DataError(
                path,
                f"would be of both {owner.image} and {annotation.image}",
                "Rename one of the pictures, or write them to two folders",
            )
        paths.append(path)
    return paths


def check_name(where, name):
    """Raise `DataError` for a name with line breaks or other control characters, which no annotation format holds."""
    if not str(name).isprintable():
        raise DataError(
            where, f"would hold the name {name!r}, which has characters that cannot be printed", "Rename it"
        )


def read_text(path):
    """Text of a file in UTF-8, with or without its mark; raises `DataError`."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise DataError(path, f"cannot be read ({reason})", "Check the path, or save the file as UTF-8") from error


def read_json(path):
    """Content of a JSON file; raises `DataError`."""
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}",
            f"is no JSON ({error.msg})",
            "The file is damaged or of another format: export it again",
        ) from error
    except (ValueError, RecursionError) as error:  # a number of too many digits, or lists within lists
        raise DataError(path, f"cannot be read as JSON ({error})", "Export it again") from error


def write_text(path, text):
    """Write a file of text in UTF-8, whole or not at all; raises `DataError`."""
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="")
