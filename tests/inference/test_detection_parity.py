"""`detect` compared with the original, from the stored image to boxes and masks in its pixels."""

import keras
import numpy as np
import pytest

from mrcnn.engine.mask_rcnn import MaskRCNN


@pytest.fixture(scope="module")
def detector(reference_weights, tmp_path_factory, reference_config):
    model = MaskRCNN("inference", reference_config(MATTERPORT_EXACT=True), tmp_path_factory.mktemp("logs"))
    model.load_weights(reference_weights("resnet50"), verbose=0)
    return model


@pytest.mark.parametrize("image", [0, 1, 2])
def test_detect(detector, parity, image):
    with np.load(parity / f"model_resnet50_image{image}.npz", allow_pickle=False) as archive:
        stored = {k: archive[k] for k in archive.files if k.startswith(("detect", "image", "molded", "meta", "window"))}
    molded, metas, windows = detector.mold_inputs([stored["image"]])
    np.testing.assert_allclose(molded[0], stored["molded"], atol=1e-4)
    np.testing.assert_allclose(metas[0], stored["meta"])
    np.testing.assert_array_equal(windows[0], stored["window"])
    result = detector.detect([stored["image"]])[0]
    shape = tuple(stored["detect_masks_shape"])
    masks = np.unpackbits(stored["detect_masks_packed"])[: np.prod(shape)].reshape(shape).astype(bool)
    rows, sure = np.arange(len(result["rois"])), slice(None)
    if keras.backend.backend() != "tensorflow":  # a borderline box may be kept or discarded
        wanted = [(*box, c) for box, c in zip(stored["detect_rois"].tolist(), stored["detect_class_ids"].tolist())]
        found = [(*box, c) for box, c in zip(result["rois"].tolist(), result["class_ids"].tolist())]
        pairs = [(found.index(w), i) for i, w in enumerate(wanted) if w in found]
        assert len(pairs) >= 0.8 * len(wanted)
        rows, sure = (np.array(side) for side in zip(*pairs))
    np.testing.assert_array_equal(result["rois"][rows], stored["detect_rois"][sure])
    np.testing.assert_array_equal(result["class_ids"][rows], stored["detect_class_ids"][sure])
    np.testing.assert_allclose(result["scores"][rows], stored["detect_scores"][sure], atol=3e-5)
    assert (result["masks"][..., rows] == masks[..., sure]).mean() >= 0.999
