"""Stitching finds every object exactly once, wherever it lies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.geometry.instances import Instances
from mrcnn.geometry.stitching import centre_instances, corner_instances, corner_rule_keep, merge_instances
from mrcnn.geometry.tile_views import Views
from mrcnn.geometry.tile_windows import corner_windows, owner_regions, tile_windows


# --- The corner rule ---
def test_the_corner_rule_owns_doubles_and_gaps_as_measured():
    """The figures of the simulation on a 3 x 3 grid of tiles of 1024, corners at all multiples of 8."""
    windows, columns, rows = corner_windows((2560, 2560), 1024)
    assert len(windows) == 9
    y, x = (axis.ravel() for axis in np.meshgrid(np.arange(0, 2560, 8), np.arange(0, 2560, 8), indexing="ij"))
    owners = np.zeros(len(y), int)
    for (y1, x1, y2, x2), column, row in zip(windows, columns, rows):
        inside = (y >= y1) & (y < y2) & (x >= x1) & (x < x2)
        corners = np.stack([y - y1, x - x1, y - y1 + 1, x - x1 + 1], axis=1)
        owners += inside & corner_rule_keep(corners, column, row, 1024)
    assert len(owners) == 102_400
    assert (owners == 1).sum() == 90_320
    assert (owners > 1).sum() == 2_096
    assert (owners == 0).sum() == 9_984
    top_row_line = (owners > 1) & (y == 14 * 64)
    assert top_row_line.sum() == 304 and ((owners > 1) & ~top_row_line).sum() == 1_792
    assert ((y[owners == 0] >= 1536 + 14 * 64) | (x[owners == 0] >= 1536 + 14 * 64)).all()


@pytest.mark.parametrize(
    ("column", "row", "corner", "kept"),
    [
        (0, 0, (896, 895), True),
        (0, 0, (897, 0), False),
        (0, 0, (0, 896), False),
        (0, 1, (127, 0), False),
        (0, 1, (128, 0), True),
        (0, 1, (896, 0), False),
        (1, 0, (896, 64), True),
        (1, 0, (0, 63), False),
        (1, 1, (128, 128), True),
        (1, 1, (128, 127), False),
        (1, 1, (895, 895), True),
        (1, 1, (896, 895), False),
    ],
)
def test_the_corner_table(column, row, corner, kept):
    assert corner_rule_keep([[*corner, 1000, 1000]], column, row, 1024).tolist() == [kept]


def test_the_corner_doubles_stay():
    windows, columns, rows = corner_windows((1024, 1792), 1024)
    truth = rectangles((1024, 1792), [(10, 768 + 70, 30, 768 + 90), (10, 300, 40, 340)])
    found = corner_instances(views_of(truth, windows), columns, rows)
    assert sorted(found.boxes.tolist()) == [[10, 300, 40, 340], [10, 838, 30, 858], [10, 838, 30, 858]]


# --- Objects ---
def rectangles(shape, boxes, class_ids=None):
    return Instances(shape, boxes, class_ids, None, [np.ones((b[2] - b[0], b[3] - b[1]), bool) for b in boxes])


def views_of(truth, windows, jitter=None, scores=None):
    """Detections of an exact detector: every object, moved by `jitter(tile, object)` and cut by the tile."""
    tiles = []
    for t, window in enumerate(windows):
        parts = []
        for i in range(len(truth)):
            move = (0, 0) if jitter is None else jitter(t, i)
            parts.append(truth.select([i]).moved(np.array(move) - window[:2], window[2:] - window[:2]))
        parts = [p for p in parts if len(p)]
        found = Instances(
            window[2:] - window[:2],
            [p.boxes[0] for p in parts],
            [p.class_ids[0] for p in parts],
            None if scores is None else [scores(t) for _ in parts],
            [p.masks[0] for p in parts],
        )
        tiles.append((window, found))
    return tiles


@st.composite
def scenes(draw, least=1, jitter=0):
    """(grid, objects no larger than the overlap that do not touch, even when they move by `jitter`)."""
    tile = draw(st.tuples(st.integers(40, 64), st.integers(40, 64)))
    overlap = tuple(draw(st.integers(max(16, least + 2 * jitter), 3 * size // 4)) for size in tile)
    shape = draw(st.tuples(st.integers(30, 170), st.integers(30, 170)))
    taken, boxes, masks = np.zeros(shape, bool), [], []
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 30))):
        # The overlap must contain an object wherever it moves.
        size = rng.integers(least, np.minimum(np.array(overlap) - 2 * jitter, shape) + 1)
        corner = rng.integers(0, np.array(shape) - size + 1)
        box = [*corner, *(corner + size)]
        gap = 2 * jitter + 1
        place = tuple(slice(max(0, low - gap), high + gap) for low, high in zip(box[:2], box[2:]))
        if taken[place].any():
            continue
        y, x = (np.linspace(-1, 1, n) if n > 2 else np.zeros(n) for n in size)
        mask = y[:, None] ** 2 + x**2 <= 1 if rng.random() < 0.5 else np.ones(size, bool)
        if not (mask.any(axis=0).all() and mask.any(axis=1).all()):
            mask = np.ones(size, bool)
        taken[place] = True
        boxes.append(box)
        masks.append(mask)
    truth = Instances(shape, np.array(boxes), rng.integers(1, 3, len(boxes)), None, masks)
    return (shape, tile, overlap), truth


def as_set(instances):
    return sorted(
        (tuple(box), int(c), mask.tobytes())
        for box, c, mask in zip(instances.boxes.tolist(), instances.class_ids, instances.masks)
    )


@given(scenes(), st.sampled_from(["centre", "merge"]), st.booleans())
def test_every_object_that_the_overlap_holds_is_found_exactly_once(scene, rule, with_band):
    (shape, tile, overlap), truth = scene
    tiles = views_of(truth, tile_windows(shape, tile, overlap))
    if rule == "merge":
        found = merge_instances(tiles)
    else:
        band = np.array(overlap) // 8 if with_band else (0, 0)
        found = centre_instances(tiles, owner_regions(shape, tile, overlap), band)
    assert found.image_shape == shape
    assert as_set(found) == as_set(truth)


def nearest(found, truth):
    """For each object found, the ground-truth object of its class with the nearest box."""
    distance = np.abs(found.boxes[:, None].astype(int) - truth.boxes[None]).max(axis=2)
    return np.where(found.class_ids[:, None] == truth.class_ids, distance, 10**6).argmin(axis=1)


@given(scenes(least=12, jitter=2), st.integers(0, 2**32))
def test_outlines_that_differ_from_tile_to_tile_change_nothing(scene, seed):
    (shape, tile, overlap), truth = scene
    moves = np.random.default_rng(seed).integers(-2, 3, (200, len(truth), 2))
    # Outlines outside the image are not tested: the network never predicts them.
    inside = np.clip(moves, -truth.boxes[:, :2], np.array(shape) - truth.boxes[:, 2:])
    tiles = views_of(truth, tile_windows(shape, tile, overlap), lambda t, i: inside[t, i])
    found = centre_instances(tiles, owner_regions(shape, tile, overlap), (2, 2))
    assert sorted(nearest(found, truth).tolist()) == list(range(len(truth)))
    assert (np.abs(found.boxes - truth.boxes[nearest(found, truth)]) <= 2).all()


def two_tiles(left, right, class_ids=(1, 1), scores=(0.9, 0.8)):
    """Two tiles of 64 that share 32 columns of an image of 64 x 96, with one box (image frame) in each."""
    windows = tile_windows((64, 96), 64, 32)
    tiles = []
    for window, box, class_id, score in zip(windows, (left, right), class_ids, scores):
        one = rectangles((64, 96), [box], [class_id]).moved(-window[:2], (64, 64))
        one.scores[:] = score
        tiles.append((window, one))
    return tiles, owner_regions((64, 96), 64, 32)


def test_centres_seen_on_the_wrong_sides_give_one_object():
    # The border is at column 48: the left tile sees the centre at 49, the right one at 47.
    tiles, regions = two_tiles((10, 42, 30, 56), (10, 40, 30, 54))
    assert len(centre_instances(tiles, regions, (0, 0))) == 0
    assert centre_instances(tiles, regions, (4, 4)).scores.tolist() == pytest.approx([0.9])
    # Each tile sees the centre on its own side.
    tiles, regions = two_tiles((10, 40, 30, 54), (10, 42, 30, 56))
    assert len(centre_instances(tiles, regions, (4, 4))) == 1


def test_classes_do_not_suppress_one_another():
    tiles, regions = two_tiles((10, 41, 30, 54), (10, 42, 30, 55), class_ids=(1, 2))
    for found in (centre_instances(tiles, regions, (4, 4)), merge_instances(tiles)):
        assert sorted(found.class_ids.tolist()) == [1, 2]


def test_views_in_one_tile_do_not_suppress_one_another():
    window = np.array([0, 0, 64, 64])
    close = rectangles((64, 64), [(10, 10, 30, 30), (10, 12, 30, 32)])
    for found in (centre_instances([(window, close)], [window], (4, 4)), merge_instances([(window, close)])):
        assert as_set(found) == as_set(close)


def test_merging_joins_pieces_of_an_object_larger_than_the_overlap():
    shape = (64, 320)
    truth = rectangles(shape, [(20, 5, 40, 310), (50, 100, 60, 200)], [1, 2])
    windows = tile_windows(shape, 64, 16)
    tiles = views_of(truth, windows, scores=lambda t: 0.5 + t / 100)
    found = merge_instances(tiles)
    assert as_set(found) == as_set(truth)
    # The first object is seen by all tiles, the second by tiles 1 (48..112) to 4 (192..256).
    assert found.scores[np.argsort(found.class_ids)].tolist() == pytest.approx([0.5 + (len(windows) - 1) / 100, 0.54])


def test_merging_keeps_the_best_whole_view():
    tiles, _ = two_tiles((10, 38, 30, 60), (10, 39, 30, 61), scores=(0.8, 0.9))
    found = merge_instances(tiles)
    assert found.boxes.tolist() == [[10, 39, 30, 61]] and found.scores.tolist() == pytest.approx([0.9])


def test_merging_drops_a_piece_that_another_tile_sees_whole_without_finding_it():
    tiles, _ = two_tiles((2, 2, 12, 12), (20, 32, 40, 40))
    assert merge_instances(tiles).boxes.tolist() == [[2, 2, 12, 12]]
    # But not if the piece extends into an area that the other tile does not see.
    tiles, _ = two_tiles((2, 2, 12, 12), (20, 32, 40, 70))
    assert len(merge_instances(tiles)) == 2


def test_a_part_taken_for_an_object_does_not_stand_for_the_whole():
    # The right tile sees only part of the left one's object, although nothing cuts it there.
    tiles, _ = two_tiles((10, 10, 40, 62), (10, 40, 40, 60), scores=(0.7, 0.99))
    assert merge_instances(tiles).boxes.tolist() == [[10, 10, 40, 62]]


@pytest.mark.parametrize("objects", [0, 1])
def test_tiles_without_objects_give_none(objects):
    window = np.array([0, 0, 64, 64])
    tiles = [(window, Instances((64, 64)))] * objects
    assert len(merge_instances(tiles)) == len(centre_instances(tiles, [window] * objects)) == 0


def test_what_a_tile_finds_in_its_padding_is_cut_off():
    window = np.array([0, 0, 40, 50])
    found = rectangles((64, 64), [(30, 40, 64, 64), (45, 0, 60, 20)])
    for result in (merge_instances([(window, found)]), centre_instances([(window, found)], [window])):
        assert result.image_shape == (40, 50) and result.boxes.tolist() == [[30, 40, 40, 50]]


@settings(max_examples=20)
@given(scenes())
def test_only_inner_edges_of_tiles_cut(scene):
    (shape, tile, overlap), truth = scene
    views = Views(views_of(truth, tile_windows(shape, tile, overlap)))
    whole = {tuple(box) for box in truth.boxes.tolist()}
    for box, cut in zip(views.instances.boxes.tolist(), views.cut):
        assert cut or tuple(box) in whole
    assert not Views(views_of(truth, [np.array([0, 0, *shape])])).cut.any()


def test_neighbours_are_searched_by_tile_not_by_pairs_of_objects(monkeypatch):
    """Four times the area: about four times the comparisons."""
    compare, counts = Views._compare, []

    def counted(self, *arguments):
        counts[-1] += 1
        return compare(self, *arguments)

    monkeypatch.setattr(Views, "_compare", counted)
    for side in (400, 800):
        corners = np.stack(np.meshgrid(np.arange(0, side - 12, 14), np.arange(0, side - 12, 14)), -1).reshape(-1, 2)
        truth = rectangles((side, side), np.concatenate([corners, corners + 12], axis=1))
        counts.append(0)
        assert len(merge_instances(fast_views(truth, tile_windows(truth.image_shape, 100, 30)))) == len(truth)
    assert counts[1] < 6 * counts[0] < 6 * 4 * (400 / 14) ** 2


def fast_views(truth, windows):
    return [(w, truth.moved(-w[:2], w[2:] - w[:2])) for w in windows]
