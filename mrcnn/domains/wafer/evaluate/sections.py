"""Evaluate the detected sections of a wafer: found once, twice or not at all, pairing, errors of centre and angle.

Sections are objects with `section_id`, `tissue` and `magnet`, as made by `mrcnn.domains.wafer.sections.sections` from
labels and from detections. Each part is None or has `index` (of the object in its `Instances`), `centre` (y, x) in
pixels and `angle_deg` (may be None).
"""

import math
from dataclasses import dataclass

import numpy as np

from mrcnn.domains.wafer.evaluate.tiles import count_by_tile
from mrcnn.evaluate.average_precision import ap_of_instances, coco_ap
from mrcnn.evaluate.matching import compute_recall, mask_overlaps
from mrcnn.evaluate.to_json import plain
from mrcnn.geometry.boxes import compute_overlaps

PARTS = ("tissue", "magnet")
ONCE, DOUBLE, MISSED = "once", "double", "missed"


@dataclass(frozen=True)
class Claims:
    """Assignment of detections to ground-truth objects of the same class.

    Attributes
    ----------
    best : int64 [N]
        For each ground-truth object the detection with the highest IoU, or -1 if none reaches the threshold.
    states : str [N]
        "once", "double" or "missed".
    target : int64 [M]
        For each detection the ground-truth object that it lies on, or -1.
    """

    best: np.ndarray
    states: np.ndarray
    target: np.ndarray


def find_claims(gt, found, iou_threshold=0.5, overlaps=None):
    """Match detections to ground-truth objects so that duplicates, and halves at the border of a tile, are recognized.

    A detection lies on the ground-truth object of its class with which it shares the most pixels, if these are at
    least half of the smaller of the two. A ground-truth object is found if one of its detections reaches the IoU
    threshold; it is found once if no other detection lies on it, whatever the IoU of the other detection.

    Parameters
    ----------
    gt, found : Instances
    iou_threshold : float
    overlaps : (ious float [N, M], shared pixels float [N, M]), optional
        Result of `mask_overlaps`, if already known.

    Returns
    -------
    Claims
    """
    ious, shared = mask_overlaps(gt, found) if overlaps is None else overlaps
    smaller = np.minimum.outer(gt.areas(), found.areas())
    on = (gt.class_ids[:, None] == found.class_ids[None]) & (shared >= 0.5 * smaller) & (shared > 0)
    target = np.full(len(found), -1, np.int64)
    if len(gt):
        candidates = np.where(on, shared, -1.0)
        target = np.where(on.any(axis=0), candidates.argmax(axis=0), -1)
    own = np.where(target[None] == np.arange(len(gt))[:, None], ious, -1.0)
    best = own.argmax(axis=1) if len(found) else np.zeros(len(gt), np.int64)
    reached = own.max(axis=1, initial=-1.0) >= iou_threshold
    states = np.where(reached, np.where((own >= 0).sum(axis=1) > 1, DOUBLE, ONCE), MISSED)
    return Claims(np.where(reached, best, -1), states, target)


def evaluate_sections(gt, gt_sections, found, found_sections, tiles=None, iou_threshold=0.5):
    """Compute all metrics of one wafer.

    Parameters
    ----------
    gt, found : Instances
        Labelled and detected parts of one image, classes 1 (tissue) and 2 (magnetic part); other classes are ignored.
    gt_sections, found_sections : list
        Sections made of these objects, see the module's docstring.
    tiles : int [T, 4], optional
        Tiles (y1, x1, y2, x2) used for detection, to count errors by position.
    iou_threshold : float
        Minimum mask IoU of a part that counts as found.

    Returns
    -------
    dict
        Plain numbers, lists and dicts; undefined values are None:

        - `sections_true`; `labelled_twice`: number of sections left out because a part lies on the same part of an
          earlier section;
        - `once`, `double`, `missed`: ground-truth sections; "once" if each labelled part is found once, "missed" if one
          is not found; `found_once` = once / sections_true;
        - `sections_found`, `paired_found`; `parts`: {"tissue", "magnet"}: {"true", "once", "double", "missed", "found",
          "false"}, with "false" for detections that lie on no ground-truth part;
        - `pairing`: {"sections": with both parts labelled and found, "right", "accuracy"};
        - `centre_error_px`, `angle_error_deg`: {"tissue", "magnet", "all"}: {"count", "median", "p95"} over found
          parts;
        - `ap_50`, `ap_50_boxes`: Matterport's AP at IoU 0.5 of masks and of boxes; `recall_50_boxes`; `coco_ap`:
          {"AP", "AP50", "AP75", "tissue", "magnet"} of masks;
        - `by_tile`: see `mrcnn.domains.wafer.evaluate.tiles.count_by_tile`; None without tiles;
        - `errors`: list of {"section_id", "state", "x_px", "y_px"} for sections found twice or missed.

    Notes
    -----
    Angle differences are circular: 359 and 1 are two degrees apart.
    """
    gt_sections, twice = _without_repeats(gt, gt_sections)
    kept = np.array(sorted(p.index for s in gt_sections for p in _parts(s)), np.int64)
    # Detections must not be assigned to a label that is left out.
    overlaps = [np.where(np.isin(np.arange(len(gt)), kept)[:, None], v, 0.0) for v in mask_overlaps(gt, found)]
    claims = find_claims(gt, found, iou_threshold, overlaps)
    states = np.array([_section_state(s, claims.states) for s in gt_sections])
    centres = np.array([_centre(s) for s in gt_sections]).reshape(-1, 2)
    counts = {state: int(np.count_nonzero(states == state)) for state in (ONCE, DOUBLE, MISSED)}
    valid = np.flatnonzero(np.isin(found.class_ids, (1, 2)))
    return plain(
        {
            "sections_true": len(gt_sections),
            "labelled_twice": twice,
            **counts,
            "found_once": counts[ONCE] / len(gt_sections) if gt_sections else None,
            "sections_found": len(found_sections),
            "paired_found": sum(s.tissue is not None and s.magnet is not None for s in found_sections),
            "parts": _part_counts(gt_sections, claims, found),
            "pairing": _pairing(gt_sections, found_sections, claims),
            **_errors(gt_sections, found_sections, claims),
            **image_scores(gt.select(kept), found.select(valid), overlaps[0][np.ix_(kept, valid)]),
            "by_tile": None if tiles is None else count_by_tile(centres, states, tiles),
            "errors": [
                {
                    "section_id": int(s.section_id),
                    "state": str(state),
                    "x_px": round(float(x), 1),
                    "y_px": round(float(y), 1),
                }
                for s, state, (y, x) in zip(gt_sections, states, centres)
                if state != ONCE
            ],
        }
    )


def image_scores(gt, found, ious=None):
    """Metrics of one image regardless of sections: `ap_50`, `ap_50_boxes`, `recall_50_boxes`, `coco_ap`."""
    ious = mask_overlaps(gt, found)[0] if ious is None else ious
    boxes = compute_overlaps(gt.boxes, found.boxes) if len(gt) and len(found) else np.zeros((len(gt), len(found)))
    coco = coco_ap([gt], [found], len(PARTS) + 1, "segm", None, [ious])
    return {
        "ap_50": ap_of_instances(gt, found, 0.5, ious),
        "ap_50_boxes": ap_of_instances(gt, found, 0.5, boxes),
        "recall_50_boxes": compute_recall(found.boxes, gt.boxes, 0.5)[0],
        "coco_ap": {
            **{name: coco[name] for name in ("AP", "AP50", "AP75")},
            **{name: coco["per_class"][c]["AP"] for c, name in enumerate(PARTS, start=1)},
        },
    }


def format_sections(report):
    """Format the result of `evaluate_sections` as lines of text."""
    parts, pairing, coco = report["parts"], report["pairing"], report["coco_ap"]
    lines = [
        f"{report['sections_true']} ground-truth sections: {report['once']} found once "
        f"({_percent(report['found_once'])}), {report['double']} found twice, {report['missed']} missed"
        + (f"; {report['labelled_twice']} labelled twice" if report["labelled_twice"] else ""),
        f"correct pairs: {pairing['right']} of {pairing['sections']} ({_percent(pairing['accuracy'])})",
        "",
        f"{'part':10}{'true':>7}{'once':>7}{'double':>8}{'missed':>8}{'false':>7}"
        f"{'centre px':>12}{'95 %':>8}{'angle deg':>12}{'95 %':>8}",
    ]
    for name in PARTS:
        row, centre, angle = parts[name], report["centre_error_px"][name], report["angle_error_deg"][name]
        lines.append(
            f"{name:10}{row['true']:7}{row['once']:7}{row['double']:8}{row['missed']:8}{row['false']:7}"
            f"{_number(centre['median']):>12}{_number(centre['p95']):>8}"
            f"{_number(angle['median']):>12}{_number(angle['p95']):>8}"
        )
    lines += [
        "",
        f"AP at IoU 0.5: {_number(report['ap_50'])} (boxes {_number(report['ap_50_boxes'])}), "
        f"recall of boxes {_number(report['recall_50_boxes'])}, COCO AP {_number(coco['AP'])}",
    ]
    if report["by_tile"]:
        lines += ["", f"{'centre in':12}{'sections':>10}{'once':>7}{'double':>8}{'missed':>8}"]
        for place, row in report["by_tile"]["overlap"].items():
            lines.append(f"{place:12}{row['sections']:10}{row['once']:7}{row['double']:8}{row['missed']:8}")
    return "\n".join(lines)


def _without_repeats(gt, sections):
    """Sections without parts that lie on a part of an earlier section, and the number of the others."""
    same = mask_overlaps(gt, gt)[0] * (gt.class_ids[:, None] == gt.class_ids[None])
    taken, kept = [], []
    for section in sections:
        own = [p.index for p in _parts(section)]
        if not (same[np.ix_(own, taken)] >= 0.5).any():
            kept.append(section)
            taken += own
    return kept, len(sections) - len(kept)


def _parts(section):
    return [p for p in (section.tissue, section.magnet) if p is not None]


def _centre(section):
    return np.mean([p.centre for p in _parts(section)], axis=0)


def _section_state(section, states):
    own = [states[p.index] for p in _parts(section)]
    return next((state for state in (MISSED, DOUBLE) if state in own), ONCE)


def _part_counts(sections, claims, found):
    counts = {}
    for class_id, name in enumerate(PARTS, start=1):
        states = [claims.states[part.index] for s in sections if (part := getattr(s, name)) is not None]
        own = found.class_ids == class_id
        counts[name] = {
            "true": len(states),
            **{state: states.count(state) for state in (ONCE, DOUBLE, MISSED)},
            "found": int(own.sum()),
            "false": int(np.count_nonzero(claims.target[own] < 0)),
        }
    return counts


def _pairing(gt_sections, found_sections, claims):
    """Count correct pairs: the detected tissue is paired with a detection on the section's true magnetic part."""
    partner = {s.tissue.index: s.magnet.index for s in found_sections if s.tissue is not None and s.magnet is not None}
    found = [
        (claims.best[s.tissue.index], s.magnet.index)
        for s in gt_sections
        if s.tissue is not None
        and s.magnet is not None
        and claims.best[s.tissue.index] >= 0
        and claims.best[s.magnet.index] >= 0
    ]
    right = sum(tissue in partner and claims.target[partner[tissue]] == magnet for tissue, magnet in found)
    return {"sections": len(found), "right": int(right), "accuracy": right / len(found) if found else None}


def _errors(gt_sections, found_sections, claims):
    by_index = {p.index: p for s in found_sections for p in _parts(s)}
    centres, angles = {}, {}
    for name in PARTS:
        pairs = [
            (part, by_index[claims.best[part.index]])
            for s in gt_sections
            if (part := getattr(s, name)) is not None and claims.best[part.index] in by_index
        ]
        centres[name] = [math.dist(true.centre, seen.centre) for true, seen in pairs]
        angles[name] = [
            angle_error(true.angle_deg, seen.angle_deg)
            for true, seen in pairs
            if true.angle_deg is not None and seen.angle_deg is not None
        ]
    return {
        title: {
            **{name: _statistics(values[name]) for name in PARTS},
            "all": _statistics([v for name in PARTS for v in values[name]]),
        }
        for title, values in (("centre_error_px", centres), ("angle_error_deg", angles))
    }


def angle_error(first_deg, second_deg):
    """Angle between two directions in degrees, 0 to 180.

    Examples
    --------
    >>> angle_error(359, 1)
    2.0
    """
    return float(abs((first_deg - second_deg + 180) % 360 - 180))


def _statistics(values):
    if not values:
        return {"count": 0, "median": None, "p95": None}
    median, high = np.percentile(values, (50, 95))
    return {"count": len(values), "median": float(median), "p95": float(high)}


def _number(value):
    return "-" if value is None else f"{value:.3f}"


def _percent(value):
    return "-" if value is None else f"{100 * value:.1f} %"
