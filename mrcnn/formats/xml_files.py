"""XML files of annotations: parsed without document types and entities, and the kind of a file by its root element."""

import re
from pathlib import Path
from xml.etree import ElementTree

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse

from mrcnn.errors import DataError
from mrcnn.formats.checked import cut
from mrcnn.formats.paths import check_text_size

_HEAD = 4096  # bytes that are looked at for the root element
_ROOT = re.compile(rb"<([A-Za-z_][\w.:-]*)")


def parsed(path, root, program):
    """The root element of an XML file.

    Parameters
    ----------
    path : str or Path
    root : str
        Name that the root element must have.
    program : str
        What saves such files, for the messages: "LabelImg, in PascalVOC format".

    Returns
    -------
    xml.etree.ElementTree.Element

    Raises
    ------
    DataError
        The file cannot be read, is not valid, declares a document type or entities, or is a different kind of XML.
    """
    check_text_size(path)
    try:
        found = parse(path, forbid_dtd=True).getroot()
    except DefusedXmlException as error:
        raise DataError(
            path,
            f"declares a document type or entities ({type(error).__name__}), which annotations do "
            "not need and which can be used to attack the reader",
            "Use it only if you trust its source: then delete its DOCTYPE",
        ) from error
    except ElementTree.ParseError as error:
        raise DataError(
            path, f"is not valid XML ({cut(str(error))})", f"It is damaged or truncated: save it again in {program}"
        ) from error
    except (OSError, ValueError, LookupError) as error:  # a wrong or unknown encoding
        reason = cut(str(getattr(error, "strerror", None) or error))
        raise DataError(path, f"cannot be read ({reason})", "Check the path and the file") from error
    if found.tag != root:
        raise DataError(
            path,
            f"is a different kind of XML: its root element is '{cut(found.tag, 40)}', not '{root}'",
            f"Save the labels in {program}",
        )
    return found


def root_name(path):
    """Name of the root element as the first bytes of a file have it, or None if they have none."""
    try:
        with open(Path(path), "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.decode("utf-16", "replace").encode()
    match = _ROOT.search(re.sub(rb"<!--.*?-->", b"", head, flags=re.DOTALL))
    return match[1].decode("ascii", "replace") if match else None
