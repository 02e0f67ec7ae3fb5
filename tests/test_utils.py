"""`mrcnn.utils`: agreement with Matterport's numbers under the old names, and fixed bugs of the original."""

import hashlib
import random
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn import utils
from mrcnn.config import Config
from mrcnn.errors import WeightsError
from mrcnn.weights import download

ARGUMENTS = ("gt_boxes", "gt_class_ids", "gt_masks", "pred_boxes", "pred_class_ids", "pred_scores", "pred_masks")


def resized(image, min_dim, max_dim, min_scale, mode, random_seed):
    random.seed(int(random_seed))
    sizes = (int(min_dim) or None, int(max_dim) or None, float(min_scale) or None)
    image, window, scale, padding, crop = utils.resize_image(image, *sizes, str(mode))
    return image, window, scale, padding, [] if crop is None else crop


def refined(box, gt_box):
    return utils.box_refinement(box, gt_box), np.asarray(utils.box_refinement_graph(box, gt_box))


# How each old name is called, and its stored outputs in order.
CALLS = {
    "apply_box_deltas": (lambda boxes, deltas: [utils.apply_box_deltas(boxes, deltas)], ["boxes"]),
    "box_refinement": (refined, ["deltas", "deltas"]),
    "compute_overlaps": (lambda boxes1, boxes2: [utils.compute_overlaps(boxes1, boxes2)], ["overlaps"]),
    "compute_overlaps_masks": (lambda masks1, masks2: [utils.compute_overlaps_masks(masks1, masks2)], ["overlaps"]),
    "compute_recall": (
        lambda pred_boxes, gt_boxes: [
            *utils.compute_recall(pred_boxes, gt_boxes, 0.5),
            *utils.compute_recall(pred_boxes, gt_boxes, 0.3),
        ],
        ["recall_50", "positive_ids_50", "recall_30", "positive_ids_30"],
    ),
    "expand_mask": (lambda **given: [utils.expand_mask(**given)], ["mask"]),
    "extract_bboxes": (lambda mask: [utils.extract_bboxes(mask)], ["boxes"]),
    "generate_pyramid_anchors": (
        lambda image_shape, scales, ratios, feature_strides, anchor_stride, feature_shapes: [
            utils.generate_pyramid_anchors(scales, ratios, feature_shapes, feature_strides, int(anchor_stride))
        ],
        ["anchors"],
    ),
    "minimize_mask": (lambda **given: [utils.minimize_mask(**given)], ["mini_mask"]),
    "non_max_suppression": (lambda **given: [utils.non_max_suppression(**given)], ["keep"]),
    "norm_denorm_boxes": (
        lambda boxes_px, boxes_normalised, shape: [
            utils.norm_boxes(boxes_px, shape),
            utils.denorm_boxes(utils.norm_boxes(boxes_px, shape), shape),
            utils.denorm_boxes(boxes_normalised, shape),
        ],
        ["norm_boxes", "denorm_of_norm", "denorm_boxes"],
    ),
    "resize_image": (resized, ["image", "window", "scale", "padding", "crop"]),
    "resize_mask": (
        lambda mask, scale, padding, crop: [
            utils.resize_mask(mask, float(scale), padding, crop if len(crop) else None)
        ],
        ["mask"],
    ),
    "unmold_mask": (lambda **given: [utils.unmold_mask(**given)], ["mask"]),
}


@pytest.mark.parametrize("function", CALLS)
def test_old_name_gives_matterports_numbers(cases, function):
    call, names = CALLS[function]
    for case, (given_, expected) in enumerate(cases(function)):
        if function == "generate_pyramid_anchors":
            given_["feature_shapes"] = expected["feature_shapes"]
        for name, found in zip(names, call(**given_), strict=True):
            where = f"{function} {case}: {name}"
            wanted = expected[name]
            assert np.shape(found) == wanted.shape, where
            assert not isinstance(found, np.ndarray) or found.dtype == wanted.dtype, where
            tolerance = {"rtol": 1e-6, "atol": 1e-7} if wanted.dtype.kind == "f" else {"rtol": 0}
            np.testing.assert_allclose(found, wanted, **tolerance, err_msg=where)


def test_matches_and_average_precision_are_matterports(cases):
    for (given_, matches), (_, aps) in zip(cases("compute_matches"), cases("compute_ap"), strict=True):
        seven = [given_[name] for name in ARGUMENTS]
        for tag in ("50", "75", "05"):
            gt_match, pred_match, overlaps = utils.compute_matches(*seven, iou_threshold=int(tag) / 100)
            np.testing.assert_array_equal(gt_match, matches[f"gt_match_{tag}"])
            np.testing.assert_array_equal(pred_match, matches[f"pred_match_{tag}"])
            np.testing.assert_allclose(overlaps, matches["overlaps"], rtol=1e-6)
        for tag in ("50", "75"):
            ap, precisions, recalls, _ = utils.compute_ap(*seven, iou_threshold=int(tag) / 100)
            np.testing.assert_allclose(ap, aps[f"ap_{tag}"], rtol=1e-6)
            np.testing.assert_allclose(precisions, aps[f"precisions_{tag}"], rtol=1e-6)
            np.testing.assert_allclose(recalls, aps[f"recalls_{tag}"], rtol=1e-6)
        for tag, thresholds in (("range", None), ("range_50_70", [0.5, 0.6, 0.7])):
            ap = utils.compute_ap_range(*seven, iou_thresholds=thresholds, verbose=0)
            np.testing.assert_allclose(ap, aps[f"ap_{tag}"], rtol=1e-6)


# --- Fixed bugs ---
def two_squares():
    """Boxes, class ids and masks of two objects of 2 x 2 pixels, one prediction per object, with scores .3 and .8."""
    masks = np.zeros((4, 4, 2), bool)
    masks[:2, :2, 0] = masks[2:, 2:, 1] = True
    objects = [np.array([[0, 0, 2, 2], [2, 2, 4, 4]]), np.array([1, 1]), masks]
    return objects, [*objects[:2], np.array([0.3, 0.8]), masks]


def test_the_score_threshold_is_compared_with_scores():
    truth, found = two_squares()
    gt_match, pred_match, _ = utils.compute_matches(*truth, *found, score_threshold=0.5)
    assert (gt_match.tolist(), pred_match.tolist()) == ([-1, 0], [1, -1])
    # An IoU below the score threshold is still a match.
    half = [found[0][:1], found[1][:1], np.array([0.9]), truth[2][..., :1].copy()]
    half[3][0, 0] = False
    gt_match, _, overlaps = utils.compute_matches(*truth, *half, iou_threshold=0.5, score_threshold=0.8)
    assert overlaps[0, 0] == 0.75
    assert gt_match.tolist() == [0, -1]


def test_average_precision_without_ground_truth_is_a_number():
    truth, found = two_squares()
    nothing = [np.zeros((0, 4)), np.zeros(0, int), np.zeros((4, 4, 0), bool)]
    ap, precisions, recalls, overlaps = utils.compute_ap(*nothing, *found)
    assert ap == 0
    assert np.isfinite(precisions).all() and np.isfinite(recalls).all()
    assert overlaps.shape == (2, 0)
    assert utils.compute_ap(*truth, *nothing[:2], np.zeros(0), nothing[2])[0] == 0


@pytest.mark.parametrize("make", [list, tuple, np.array])
def test_thresholds_of_the_range_are_any_sequence(make, capsys):
    truth, found = two_squares()
    assert utils.compute_ap_range(*truth, *found, make([0.5, 0.7])) == 1
    assert capsys.readouterr().out.splitlines() == ["AP @0.50:\t 1.000", "AP @0.70:\t 1.000", "AP @0.50-0.70:\t 1.000"]
    assert utils.compute_ap_range(*truth, *found, make([0.5, 0.7]), verbose=0) == 1
    assert capsys.readouterr().out == ""


def test_recall_and_suppression_of_nothing():
    box, none = np.array([[0, 0, 2, 2]]), np.zeros((0, 4))
    assert utils.compute_recall(box, none, 0.5)[0] == 1
    assert utils.compute_recall(none, box, 0.5)[0] == 0
    assert utils.non_max_suppression(none, np.zeros(0), 0.5).tolist() == []


def test_overlaps_with_the_mask_of_an_image_without_objects():
    masks = np.ones((4, 5, 3), bool)
    for none in (np.zeros((0, 0, 0), bool), np.zeros((4, 5, 0), bool)):
        assert utils.compute_overlaps_masks(none, masks).shape == (0, 3)
        assert utils.compute_overlaps_masks(masks, none).shape == (3, 0)


def test_bool_images_can_be_resized():
    assert utils.resize(np.ones((4, 4), bool), (2, 2)).tolist() == [[1, 1], [1, 1]]


def test_a_class_override_of_the_old_dataset_is_used():
    class Squares(utils.Dataset):
        def load_image(self, image_id):
            return np.zeros((4, 4, 3), np.uint8)

        def load_mask(self, image_id):
            return two_squares()[0][2], np.array([1, 1], np.int32)

    dataset = Squares()
    dataset.add_class("squares", 1, "square")
    dataset.add_image("squares", image_id="a", path=None, width=4, height=4)
    dataset.prepare()
    assert dataset.class_names == ["BG", "square"]
    assert dataset.map_source_class_id("squares.1") == 1
    assert dataset.image_from_source_map == {"squares.a": 0}
    assert dataset.image_info[0]["width"] == 4
    assert utils.extract_bboxes(dataset.load_mask(0)[0]).tolist() == [[0, 0, 2, 2], [2, 2, 4, 4]]


# --- Functions that were empty in the original, and functions of tensors ---
@given(st.integers(0, 2**31))
def test_molded_masks_are_mini_masks_that_expand_back(seed):
    rng = np.random.default_rng(seed)
    y, x = rng.integers(0, 20, 2)
    mask = np.zeros((60, 60, 1), np.uint8)
    mask[y : y + rng.integers(5, 40), x : x + rng.integers(5, 40)] = 1
    mini = utils.mold_mask(mask, Config(MINI_MASK_SHAPE=(14, 14)))
    assert (mini.shape, mini.dtype) == ((14, 14, 1), bool)
    np.testing.assert_array_equal(utils.expand_mask(utils.extract_bboxes(mask), mini, mask.shape), mask)
    whole = utils.mold_mask(mask, Config(USE_MINI_MASK=False))
    assert whole.dtype == bool
    np.testing.assert_array_equal(whole, mask)


def test_batch_slice_runs_once_per_image():
    from keras import ops

    boxes, scores = np.arange(24.0).reshape(2, 3, 4), np.array([[1.0, 2, 3], [4, 5, 6]])
    both = utils.batch_slice(
        [ops.convert_to_tensor(boxes), ops.convert_to_tensor(scores)],
        lambda b, s: (b * s[:, None], ops.sum(s)),
        2,
        names=["boxes", "sums"],
    )
    np.testing.assert_allclose(both[0], boxes * scores[..., None])
    np.testing.assert_allclose(both[1], [6, 15])
    np.testing.assert_allclose(utils.batch_slice(ops.convert_to_tensor(scores), lambda s: s + 1, 2), scores + 1)


def test_batch_slice_and_refinement_take_symbolic_tensors():
    import keras

    boxes = keras.Input(batch_shape=(2, 3, 4))
    deltas = utils.batch_slice([boxes, boxes], utils.box_refinement_graph, 2)
    assert keras.Model(boxes, deltas)(np.full((2, 3, 4), [[0, 0, 2, 2]], np.float32)).shape == (2, 3, 4)


# --- Downloading ---
@pytest.fixture
def server():
    """A local server with one file; `say` is the size that it announces."""
    content = b"\x89HDF" + bytes(range(256)) * 5000

    class Handler(BaseHTTPRequestHandler):
        say = len(content)

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(self.say))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            """Do not print a line per request."""

    running = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    Handler.url, Handler.content = f"http://127.0.0.1:{running.server_port}/mask_rcnn_coco.h5", content
    yield Handler
    running.shutdown()
    running.server_close()
    thread.join()


def test_download_is_whole_and_shows_its_progress(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(utils, "COCO_MODEL_URL", server.url)
    monkeypatch.setitem(download.MD5, server.url, hashlib.md5(server.content).hexdigest())
    path = tmp_path / "models" / "coco.h5"
    utils.download_trained_weights(str(path))
    assert path.read_bytes() == server.content
    assert [p.name for p in path.parent.iterdir()] == ["coco.h5"]
    assert "coco.h5" in capsys.readouterr().err
    utils.download_trained_weights(path, verbose=0)
    assert capsys.readouterr() == ("", "")


def test_a_cut_off_or_changed_download_leaves_what_was_there(server, tmp_path, monkeypatch):
    monkeypatch.setattr(utils, "COCO_MODEL_URL", server.url)
    path = tmp_path / "coco.h5"
    path.write_bytes(b"old")
    monkeypatch.setattr(server, "say", len(server.content) + 1)
    with pytest.raises(WeightsError, match=f"only {len(server.content)} of {len(server.content) + 1} bytes"):
        utils.download_trained_weights(path, verbose=0)
    monkeypatch.undo()
    monkeypatch.setattr(utils, "COCO_MODEL_URL", server.url)
    monkeypatch.setitem(download.MD5, server.url, "0" * 32)
    with pytest.raises(WeightsError, match="MD5"):
        utils.download_trained_weights(path, verbose=0)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("coco.h5", b"old")]


def test_without_a_connection_the_message_states_where_to_put_the_file(tmp_path, monkeypatch):
    def no_connection(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr(download.urllib.request, "urlopen", no_connection)
    path = tmp_path / "mask_rcnn_coco.h5"
    with pytest.raises(WeightsError) as error:
        utils.download_trained_weights(path)
    text = str(error.value)
    assert str(path) in text and utils.COCO_MODEL_URL in text and "put the file there" in text
    assert "\n" not in text
    assert list(tmp_path.iterdir()) == []
