"""Whether the values of the label images of a folder are objects, or only say what is foreground."""

from mrcnn.data.readers.labels import is_semantic, read_label_image
from mrcnn.data.readers.plausible import first_in_pieces
from mrcnn.errors import MrcnnError, warn

HOW = "mode={0} (--dataset-option mode={0})"


class LabelMode:
    """The mode of the label images of a folder, decided once, whatever subset of them is in use.

    Parameters
    ----------
    files : list of (Path, Path)
        Label images and their images.
    rules : LabelRules
        With mode None, the label images are taken for foreground if all of them together hold only 0 and one other
        value. They are looked at, until two other values are found, when this makes several objects of one for the
        first time; a warning then says so.
    """

    def __init__(self, files, rules):
        self.files, self.rules, self._binary = list(files), rules, None

    def read(self, path, picture):
        """The label image of an image, and whether its non-zero values are only foreground.

        Raises `DataError` as `read_label_image`.
        """
        labels, semantic = read_label_image(path, picture, self.rules)
        if self.rules.mode is not None or self._binary is False or not self._matters(labels):
            return labels, semantic
        if not is_semantic([labels]):
            self._binary = False
        elif self._binary is None:
            self._binary = is_semantic(self._all())
            if self._binary:
                warn(
                    f"{path}: this label image and the others hold only 0 and one other value, so each connected part "
                    f"is taken for an object. If that is meant, pass {HOW.format('semantic')}; if all parts of an "
                    f"image are one object, pass {HOW.format('instances')}."
                )
        return labels, self._binary

    def _matters(self, labels):
        """Whether there is more than one part, or parts are to be split."""
        from skimage.measure import label

        if self.rules.watershed_distance_px is not None:
            return bool(labels.any())
        return label(labels > 0, connectivity=self.rules.connectivity).max() > 1

    def _all(self):
        for path, picture in self.files:
            try:
                yield read_label_image(path, picture, self.rules)[0]
            except (MrcnnError, OSError):
                continue  # said when this image is used


def pieces_sentence(objects, values, path, before=""):
    """A sentence on the first label that is in pieces far apart, or None.

    Parameters
    ----------
    objects : Instances
    values : int [N]
        Their labels.
    path : str or Path
        Of the label image, for the sentence.
    before : str
        What must be done before a mode can be passed.
    """
    found = first_in_pieces(objects)
    if found is None:
        return None
    i, pieces = found
    return (
        f"{path}: the label {int(values[i])} is in {pieces} pieces far apart, which count as one object "
        f"(only the first such label is named). If each piece is an object, as where a label is a class, "
        f"{before}pass {HOW.format('semantic')}; if that is meant, pass {HOW.format('instances')}."
    )
