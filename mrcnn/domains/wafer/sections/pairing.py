"""Pair tissue and magnetic parts by optimal assignment on relative position and angle.

All sections of a wafer are cut from the same block, so the magnetic part has the same position relative to the tissue
in every section, up to the rotation of the section. This position is not given but estimated from the data, as the one
that most neighbouring parts agree on. The cost of a pair is its deviation from the expected position and from the
expected angle between the two parts.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

NEIGHBOURS = 12  # magnetic parts considered per tissue: no more fit around one
ELONGATED = 1.2  # minimum ratio of long to short side at which the two can be distinguished
_REACH = 1.25  # search radius, relative to the distance at which two parts touch corner to corner
_AGREE = 0.12  # relative to a part's length: candidates within this distance agree on the position
_AGREE_DEG = 15.0
_LEAST_SPREAD = 0.03  # minimum spread relative to a part's length: masks are not more precise than that
_LEAST_SPREAD_DEG = 4.0
_LINEAR_FROM = 3.0  # in spreads; the cost is linear beyond, because a half-detected part still belongs to its partner
_GIVE_UP = 10.0  # in spreads; beyond, two parts are left unpaired


def pair_parts(tissues, magnets):
    """Find the best one-to-one pairing of tissue and magnetic parts.

    Parameters
    ----------
    tissues, magnets : (centres float [N, 2], sides float [N, 2], axes_deg float [N])
        Minimum-area rectangles of the parts: centre (y, x), long and short side in pixels, direction of the long side
        in degrees, counter-clockwise as seen on the screen.

    Returns
    -------
    int64 [K, 2]
        Indices of tissue and magnetic part of each pair, in the order of the tissues. Parts in no pair have no partner.

    Notes
    -----
    The cost of a pair is the Huber function of its deviation from the expected position and from the expected angle
    between the parts, each in units of its spread over the wafer. `scipy.optimize.linear_sum_assignment` minimizes the
    total cost within each group of parts in reach of one another, so the time grows linearly with the number of parts,
    not with its cube.
    """
    tissues, magnets = (tuple(np.asarray(v, float) for v in parts) for parts in (tissues, magnets))
    rows, columns = _neighbours(tissues, magnets)
    if not len(rows):
        return np.zeros((0, 2), np.int64)
    costs = _costs(rows, columns, tissues, magnets)
    return _assign(rows, columns, costs, _huber(_GIVE_UP))


def _neighbours(tissues, magnets):
    """Index pairs of parts that are close enough to belong together."""
    if not len(tissues[0]) or not len(magnets[0]):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    reach = _REACH * sum(np.median(np.hypot(*sides.T)) / 2 for _, sides, _ in (tissues, magnets))
    count = min(NEIGHBOURS, len(magnets[0]))
    distances, found = cKDTree(magnets[0]).query(tissues[0], k=count, distance_upper_bound=reach)
    distances, found = distances.reshape(-1, count), found.reshape(-1, count)
    rows, places = np.nonzero(np.isfinite(distances))
    return rows, found[rows, places]


def _costs(rows, columns, tissues, magnets):
    """Cost of each candidate pair, float [C]."""
    length = (np.median(tissues[1][:, 0]) + np.median(magnets[1][:, 0])) / 2
    offsets, angles, allowed = _in_tissue_frame(rows, columns, tissues, magnets)
    fold = 2 if np.median(magnets[1][:, 0] / magnets[1][:, 1]) >= ELONGATED else 4
    place, angle, spread, spread_deg = _expected(offsets, angles, allowed, fold, length)
    # A nearly square part has no distinct long side, so its axis is known only up to quarter turns.
    period = np.where(_aspect(magnets[1])[columns] >= ELONGATED, 180.0, 90.0)[:, None]
    turn = (angles - angle + period / 2) % period - period / 2
    departures = np.hypot(np.abs(offsets - place) / spread, turn / spread_deg)
    return _huber(np.where(allowed, departures, np.inf).min(axis=1))


def _in_tissue_frame(rows, columns, tissues, magnets):
    """Position of the magnetic part in the frame of the tissue, for each of the tissue's four possible orientations.

    Returns
    -------
    offsets : complex [C, 4]
        Along the tissue's axis (real) and to the left of it (imaginary), in pixels.
    angles : float [C, 4]
        From the tissue's axis to the axis of the magnetic part, in degrees.
    allowed : bool [C, 4]
        Quarter turns are allowed only if the tissue is nearly square.
    """
    dy, dx = (magnets[0][columns] - tissues[0][rows]).T
    quarters = np.arange(4)
    axes = tissues[2][rows][:, None] + 90.0 * quarters
    offsets = (dx - 1j * dy)[:, None] * np.exp(-1j * np.radians(axes))
    square = _aspect(tissues[1])[rows] < ELONGATED
    return offsets, magnets[2][columns][:, None] - axes, square[:, None] | (quarters % 2 == 0)


def _expected(offsets, angles, allowed, fold, length):
    """The position and angle that most candidates agree on, and the spread of both."""
    radius = _AGREE * length
    kept = np.flatnonzero(allowed)
    places, axes = offsets.ravel()[kept], np.exp(1j * fold * np.radians(angles.ravel()[kept]))
    weight = radius / (fold * np.radians(_AGREE_DEG))
    points = np.stack([places.real, places.imag, weight * axes.real, weight * axes.imag], axis=1)
    tree = cKDTree(points)
    votes = tree.query_ball_point(points, radius * np.sqrt(2), return_length=True)
    # In a regular row, the magnetic parts of neighbours also agree on one position; prefer the nearer one.
    nearness = 1 - 0.3 * np.abs(places) / np.abs(places).max() if np.abs(places).max() else 1.0
    centre = points[np.argmax(votes * nearness)]
    for _ in range(3):
        members = tree.query_ball_point(centre, radius * np.sqrt(2))
        if not members:
            break
        centre = np.median(points[members], axis=0)
    place, angle = complex(*centre[:2]), np.degrees(np.angle(complex(*centre[2:]))) / fold
    near = np.array(tree.query_ball_point(centre, radius * np.sqrt(2)), int)
    return (
        place,
        angle,
        *_spreads(places[near] - place, np.angle(axes[near] * np.exp(-1j * fold * np.radians(angle))) / fold, length),
    )


def _spreads(offsets, turns, length):
    """Robust standard deviations: of the position along one axis in pixels, and of the angle in degrees."""
    # The median of a distance in the plane is 1.18 standard deviations; the median absolute deviation is 0.67.
    spread = np.median(np.abs(offsets)) / 1.1774 if len(offsets) else 0.0
    spread_deg = np.degrees(np.median(np.abs(turns))) / 0.6745 if len(turns) else 0.0
    return (
        float(np.clip(spread, _LEAST_SPREAD * length, _AGREE * length)),
        float(np.clip(spread_deg, _LEAST_SPREAD_DEG, _AGREE_DEG)),
    )


def _huber(departure):
    return np.where(departure <= _LINEAR_FROM, np.square(departure), _LINEAR_FROM * (2 * departure - _LINEAR_FROM))


def _aspect(sides):
    return sides[:, 0] / np.maximum(sides[:, 1], 1e-9)


def _assign(rows, columns, costs, limit):
    """The pairs with the lowest total cost, if leaving two parts unpaired costs `limit`."""
    near = costs < limit
    rows, columns, gains = rows[near], columns[near], limit - costs[near]
    if not len(rows):
        return np.zeros((0, 2), np.int64)
    tissue_count, magnet_count = int(rows.max()) + 1, int(columns.max()) + 1
    size = tissue_count + magnet_count
    graph = coo_matrix((np.ones(len(rows)), (rows, columns + tissue_count)), (size, size))
    _, groups = connected_components(graph, directed=False)
    order = np.argsort(groups[rows], kind="stable")
    pairs = []
    for part in np.split(order, np.flatnonzero(np.diff(groups[rows][order])) + 1):
        own_rows, r = np.unique(rows[part], return_inverse=True)
        own_columns, c = np.unique(columns[part], return_inverse=True)
        table = np.zeros((len(own_rows), len(own_columns)))
        table[r, c] = gains[part]
        i, j = linear_sum_assignment(table, maximize=True)
        chosen = table[i, j] > 0
        pairs.append(np.stack([own_rows[i[chosen]], own_columns[j[chosen]]], axis=1))
    pairs = np.concatenate(pairs).astype(np.int64)
    return pairs[np.argsort(pairs[:, 0])]
