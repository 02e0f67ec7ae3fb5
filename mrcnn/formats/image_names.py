"""`ImageNames`: the images that an annotation file names, found by name, spelling, or name without its ending."""

import unicodedata
from collections import defaultdict
from pathlib import Path

from mrcnn.errors import DataError
from mrcnn.files import name_problem
from mrcnn.formats.checked import cut, listed
from mrcnn.formats.paths import image_path, last_part
from mrcnn.images.folders import ALSO, EXTENSIONS

# Endings of names that annotation files give, whether or not such a file can be read.
ENDINGS = (*EXTENSIONS, *ALSO, ".webp", ".gif", ".jp2", ".heic", ".nd2", ".czi", ".lif")


class ImageNames:
    """Finds the images that an annotation file names.

    A file with exactly this name comes first; then one whose name differs only in case or in the Unicode form (NFC,
    NFD); then one with another ending (`a.tif` for `a.png`). The last two are taken only if there is just one. In a
    folder that the user gave, an image that is named with a path of another computer is found by the last part of it.

    Parameters
    ----------
    folders : sequence of (str or Path)
        Where to look, in this order, unless the user gave a folder.
    given : str or Path, optional
        The user's folder of images.
    """

    def __init__(self, folders, given=None):
        self._given = given is not None
        self._folders = [Path(folder) for folder in ([given] if self._given else folders)]
        self._listings, self._found, self._names = {}, {}, {}

    def find(self, name, where):
        """Path of the image of this name, which need not exist.

        Raises
        ------
        DataError
            The name leads outside of all folders, several files could be meant, or the file was found for another name.
            The message begins with `where`.
        """
        if name not in self._found:
            places = self._places(name, where)
            exact = next((place for place in places if place.is_file()), None)
            image = exact or next(filter(None, (self._alike(place, where) for place in places)), places[0])
            self._check_new(image, name, image == places[0], where)
            self._found[name] = image
        return self._found[name]

    def _check_new(self, image, name, exact, where):
        """Raise `DataError` if the image was found for a different name, unless both times by exactly its own."""
        other, was_exact = self._names.setdefault(image, (name, exact))
        if not (exact and was_exact) and _composed(other) != _composed(name):
            raise DataError(
                where,
                f"names the image {cut(name)}, which does not exist; {image} is the image of {cut(other)}",
                "Correct one of the two names, or add the image",
            )

    def _places(self, name, where):
        """Where the image may be: in each folder; in the user's, under the last part of its name as well."""
        places, first = [], None
        for folder in self._folders:
            try:
                places.append(image_path(name, folder, where))
            except DataError as error:
                first = first or error
        last = last_part(name) if self._given and isinstance(name, str) else ""
        if last and name_problem(last) is None:
            place = self._folders[0] / last
            if place.is_file() or self._alike(place, where) is not None:
                places.append(place)
        if not places:
            raise first
        return places

    def _alike(self, place, where):
        """The only file in the folder of `place` with its name in another spelling, or with another ending; or None."""
        names, stems = self._listed(place.parent)
        found = names.find(place.name) or stems.find(place.name)  # without an ending, with dots in it
        if not found and place.suffix.lower() in ENDINGS:
            found = stems.find(place.stem)
        if len(found) > 1:
            raise DataError(
                where,
                f"is for the image {cut(place.name)}, which does not exist, but {listed(f.name for f in found)} "
                "have its name",
                "Write the name of one of them into the file, or move the others elsewhere",
            )
        return found[0] if found else None

    def _listed(self, folder):
        """The files of a folder by name, and its images by the name without its ending."""
        if folder not in self._listings:
            found = sorted(folder.iterdir()) if folder.is_dir() else []
            files = [file for file in found if not file.name.startswith(".") and file.is_file()]
            images = [file for file in files if file.suffix.lower() in (*EXTENSIONS, *ALSO)]
            self._listings[folder] = (
                _Spellings((file.name, file) for file in files),
                _Spellings((file.stem, file) for file in images),
            )
        return self._listings[folder]


class _Spellings:
    """Files by name: in any Unicode form, and then in any case."""

    def __init__(self, named):
        self._composed, self._caseless = defaultdict(list), defaultdict(list)
        for name, file in named:
            self._composed[_composed(name)].append(file)
            self._caseless[_caseless(name)].append(file)

    def find(self, name):
        return self._composed.get(_composed(name)) or self._caseless.get(_caseless(name), [])


def match_stems(stems, pictures):
    """For formats whose files are called like their images: {stem: image} of those that have one.

    Parameters
    ----------
    stems : collection of str
        Names of the annotation files, without their ending.
    pictures : sequence of Path
        Images, whose names without their ending differ.

    Returns
    -------
    dict of str to Path
        By the exact name; or else by the name in another case or Unicode form, if only one image has it and it belongs
        to no other file.
    """
    exact = {picture.stem: picture for picture in pictures}
    found = {stem: exact[stem] for stem in stems if stem in exact}
    left = _Spellings((stem, picture) for stem, picture in exact.items() if stem not in found)
    wanted = _Spellings((stem, stem) for stem in stems if stem not in found)
    for stem in stems:
        alike = left.find(stem) if stem not in found else []
        if len(alike) == 1 and wanted.find(alike[0].stem) == [stem]:
            found[stem] = alike[0]
    return found


def _composed(text):
    return unicodedata.normalize("NFC", text)


def _caseless(text):
    return _composed(_composed(text).casefold())
