"""Sections that were labelled twice: outlines of two sections that cover the same place of the wafer."""

import numpy as np

TWIN = 0.5  # twins share more than this part of the smaller of two outlines; touching neighbours share a hundredth
_SHOWN = 20  # groups that a sentence lists


def find_twins(labels):
    """Sections that are labelled more than once.

    Two sections are the same if any part of one (tissue or magnet) covers more than half of a part of the other,
    whichever of the two outlines is smaller.

    Parameters
    ----------
    labels : WaferLabels

    Returns
    -------
    list of list of int
        Indices into `labels.sections`, ascending, at least two per group; groups in the order of their first sections.
    """
    import shapely
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    owners = [i for i, s in enumerate(labels.sections) for p in (s.tissue, s.magnet) if p is not None]
    shapes = [shapely.make_valid(shapely.polygons(polygon)) for polygon in labels.outlines()[0]]
    if not shapes:
        return []
    shapes, owners = np.array(shapes), np.array(owners)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    other = owners[first] < owners[second]
    first, second = first[other], second[other]
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    same = shared > TWIN * np.minimum(shapely.area(shapes[first]), shapely.area(shapes[second]))
    pairs = owners[first[same]], owners[second[same]]
    count = len(labels.sections)
    _, groups = connected_components(coo_matrix((np.ones(len(pairs[0])), pairs), (count, count)), directed=False)
    found = {}
    for index in np.unique(np.concatenate(pairs)).tolist():
        found.setdefault(groups[index], []).append(index)
    return list(found.values())


def without_twins(labels, twins=None):
    """The labels with one section of each group of twins: the first of those with the most outlines.

    Parameters
    ----------
    labels : WaferLabels
    twins : list of list of int, optional
        As from `find_twins`, by default of these labels.

    Returns
    -------
    WaferLabels
        Sections keep their numbers and their order.
    """
    dropped = set()
    for group in find_twins(labels) if twins is None else twins:
        dropped |= set(group) - {max(group, key=lambda index: _completeness(labels.sections[index]))}
    return labels.select([i for i in range(len(labels)) if i not in dropped])


def twins_said(labels, twins):
    """Which sections are twins, as text: "3 and 298; 55 and 198"."""
    shown = [" and ".join(str(labels.sections[i].number) for i in group) for group in twins[:_SHOWN]]
    more = f"; and {len(twins) - _SHOWN} more" if len(twins) > _SHOWN else ""
    return "; ".join(shown) + more


def _completeness(section):
    return sum(part is not None for part in (section.tissue, section.magnet, section.envelope))
