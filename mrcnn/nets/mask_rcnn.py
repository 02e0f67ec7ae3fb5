"""Mask R-CNN (He et al. 2017): one set of layers, and the training and detection graphs that share them."""

import random
from contextlib import contextmanager

import keras
import numpy as np
from keras import layers, ops

from mrcnn.geometry.anchors import compute_backbone_shapes, generate_pyramid_anchors
from mrcnn.geometry.regions import to_normalised
from mrcnn.layers.anchor_targets import AnchorTargets, GivenAnchorTargets
from mrcnn.layers.boxes import grow_boxes, normalize_boxes
from mrcnn.layers.detection_targets import DetectionTargetLayer
from mrcnn.layers.detections import DetectionLayer
from mrcnn.layers.last_scores import LastScores
from mrcnn.layers.proposals import ProposalLayer
from mrcnn.layers.roi_align import PyramidROIAlign, RoICells
from mrcnn.nets.backbones.applications import application, is_application
from mrcnn.nets.backbones.resnet import resnet
from mrcnn.nets.fpn import feature_pyramid
from mrcnn.nets.heads import BoxHead, FineMasks, MaskHead, PositiveMasks, RegionMasks
from mrcnn.nets.rpn import RPNHead, SampledRPN
from mrcnn.nets.training_model import TrainingModel


@contextmanager
def building(seed, precision):
    """Set the seed of initial weights and the dtype policy, and restore both at the end of the block."""
    state, policy = random.getstate(), keras.config.dtype_policy()
    random.seed(seed)
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        random.setstate(state)
        keras.config.set_dtype_policy(policy)


def pyramid_anchors(config, image_shape):
    """Anchors in pixels, float64 [A, 4], of levels P2..P6 in sequence, for a molded image of this shape."""
    if callable(config.BACKBONE):
        shapes = np.asarray(config.COMPUTE_BACKBONE_SHAPE(image_shape))
    else:
        shapes = compute_backbone_shapes(image_shape, config.BACKBONE_STRIDES)
    return generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS, shapes, config.BACKBONE_STRIDES, config.RPN_ANCHOR_STRIDE
    )


class Concatenate(layers.Layer):
    """Concatenate the anchors of all levels, [B, A, ...]; a layer because it needs a name (`rpn_bbox`)."""

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)

    def call(self, inputs):
        return ops.concatenate(inputs, axis=1)


class ActiveClasses(layers.Layer):
    """Extract the active class ids [B, C] from the image meta."""

    def call(self, image_meta):
        return image_meta[:, 12:]


class NormalizeBoxes(layers.Layer):
    """Convert pixel boxes [B, N, 4] to normalised boxes; called with [boxes, image], where the image gives the size."""

    def __init__(self, geometry="matterport", **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.geometry, self.autocast = geometry, False

    def call(self, inputs):
        boxes, image = inputs
        return normalize_boxes(boxes, ops.shape(image)[1], ops.shape(image)[2], self.geometry)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs[0].shape, dtype="float32")


class GrowBoxes(layers.Layer):
    """Boxes [B, N, 4] with `factor` times their height and width, around the same middle."""

    def __init__(self, factor, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.factor = float(factor)

    def call(self, boxes):
        return grow_boxes(boxes, self.factor)


class MaskRCNNGraph:
    """The layers of a Mask R-CNN and the graphs built from them; all graphs share the weights.

    Parameters
    ----------
    config : Config
        Validated by the caller.
    precision : str
        Keras dtype policy of the convolutions; boxes and losses are always float32.
    """

    inference_class, training_class = keras.Model, TrainingModel
    exact_detections = False  # True: exact detections whatever MATTERPORT_EXACT is

    def __init__(self, config, precision="float32"):
        self.config, self.precision = config, precision
        self._inference = None
        with self._scope():
            self._build_trunk()

    def _scope(self):
        return building(self.config.SEED, self.precision)

    def _build_trunk(self):
        config = self.config
        self.image = keras.Input((None, None, int(config.IMAGE_SHAPE[2])), name="input_image", dtype="float32")
        self.meta = keras.Input((config.IMAGE_META_SIZE,), name="input_image_meta", dtype="float32")
        if callable(config.BACKBONE):
            stages = config.BACKBONE(self.image, stage5=True, train_bn=config.TRAIN_BN)[-4:]
        elif is_application(config.BACKBONE):
            stages = application(self.image, config.BACKBONE, config.MEAN_PIXEL, config.TRAIN_BN)
        else:
            stages = resnet(self.image, config.BACKBONE, config.TRAIN_BN)[1:]
        self.pyramid = feature_pyramid(*stages, size=config.TOP_DOWN_PYRAMID_SIZE)
        self.rpn = RPNHead(
            len(config.RPN_ANCHOR_RATIOS), config.RPN_ANCHOR_STRIDE, config.RPN_CONV_SIZE, name="rpn_model"
        )
        self.searched = self.pyramid[: len(config.RPN_ANCHOR_SCALES)]  # a level without a scale has no anchors
        outputs = [self.rpn(level) for level in self.searched]
        self.rpn_logits = Concatenate(name="rpn_class_logits")([logits for logits, _ in outputs])
        self.rpn_class = layers.Softmax(name="rpn_class", dtype="float32")(self.rpn_logits)
        self.rpn_bbox = Concatenate(name="rpn_bbox")([deltas for _, deltas in outputs])
        self.box_head = BoxHead(
            config.NUM_CLASSES, config.POOL_SIZE, config.FPN_CLASSIF_FC_LAYERS_SIZE, config.TRAIN_BN
        )
        self.maps, self.mask_head = self.pyramid[:4], None
        if config.USE_MASK_HEAD:
            fine = FineMasks(config.NUM_CLASSES, config.MASK_FINE_SIZE) if config.MASK_FINE_SIZE else None
            self.mask_head = MaskHead(config.NUM_CLASSES, config.MASK_HEAD_SIZE, config.TRAIN_BN, fine)
            self.maps = [*self.maps, fine.features(self.image)] if fine else self.maps

    def _pool(self, size, name):
        return PyramidROIAlign((size, size), self.config.ROI_ALIGN == "aligned", self.config.MASK_GEOMETRY, name=name)

    def _region_masks(self):
        config = self.config
        pool = self._pool(config.MASK_POOL_SIZE, "roi_align_mask")
        fine = self.mask_head.fine and RoICells(2 * config.MASK_POOL_SIZE, config.MASK_GEOMETRY, name="roi_cells_mask")
        return RegionMasks(self.mask_head, pool, fine)

    def _mask_regions(self, boxes):
        """The regions [B, N, 4] in which the mask head looks for the objects of these boxes."""
        factor = float(self.config.MASK_REGION_SCALE)
        return boxes if factor == 1 else GrowBoxes(factor, name="mask_regions")(boxes)

    def _proposals(self, anchors, count):
        config = self.config
        layer = ProposalLayer(
            count, config.RPN_NMS_THRESHOLD, config.PRE_NMS_LIMIT, config.RPN_BBOX_STD_DEV, name="ROI"
        )
        return layer([self.rpn_class, self.rpn_bbox, anchors])

    # --- Training ---
    def training_model(self, given_rpn_targets=False):
        """The model that `fit` trains.

        Inputs are a dict of `input_image`, `input_image_meta`, `input_gt_class_ids` [B, G] and `input_gt_boxes`
        [B, G, 4] in pixels. With a mask head: `input_gt_masks` [B, h, w, G] and `input_has_masks` bool [B], False for
        an image whose objects have only boxes. Without USE_RPN_ROIS: `input_roi` [B, N, 4] in pixels.

        Parameters
        ----------
        given_rpn_targets : bool
            Take `input_rpn_match` [B, A, 1] and `input_rpn_bbox` [B, K, 4] as two additional inputs, instead of
            matching anchors to objects in the network.
        """
        with self._scope():
            inputs, outputs = self._training_graph(given_rpn_targets)
            model = self.training_class(inputs=inputs, outputs=outputs, name="mask_rcnn")
            model.configure(self.config)
        return model

    def _training_graph(self, given_rpn_targets):
        config, exact, geometry = self.config, self.config.MATTERPORT_EXACT, self.config.MASK_GEOMETRY
        height, width = (int(v) for v in config.IMAGE_SHAPE[:2])
        anchors_px = pyramid_anchors(config, (height, width))
        inputs = {"input_image": self.image, "input_image_meta": self.meta}

        def new_input(name, shape, dtype):
            inputs[name] = keras.Input(shape, name=name, dtype=dtype)
            return inputs[name]

        gt_class_ids = new_input("input_gt_class_ids", (config.MAX_GT_INSTANCES,), "int32")
        gt_boxes_px = new_input("input_gt_boxes", (config.MAX_GT_INSTANCES, 4), "float32")
        if given_rpn_targets:
            rpn_targets = GivenAnchorTargets(config.RPN_TRAIN_ANCHORS_PER_IMAGE, name="rpn_targets")(
                [new_input("input_rpn_match", (None, 1), "int32"), new_input("input_rpn_bbox", (None, 4), "float32")]
            )
        else:
            rpn_targets = AnchorTargets(
                anchors_px.astype(np.float32),
                config.RPN_TRAIN_ANCHORS_PER_IMAGE,
                config.RPN_BBOX_STD_DEV,
                config.RPN_POSITIVE_IOU,
                config.RPN_NEGATIVE_IOU,
                exact,
                seed=config.SEED + 1,
                name="rpn_targets",
            )([gt_class_ids, gt_boxes_px])
        indices, rpn_match, rpn_deltas = rpn_targets
        sampled_logits, sampled_deltas = SampledRPN(self.rpn, name="rpn_sampled")([indices, *self.searched])

        if config.USE_RPN_ROIS:
            proposals = self._proposals(
                to_normalised(anchors_px, (height, width), geometry)[None], config.POST_NMS_ROIS_TRAINING
            )
        else:
            proposals = NormalizeBoxes(geometry, name="roi_norm")(
                [new_input("input_roi", (None, 4), "float32"), self.image]
            )
        gt_boxes = NormalizeBoxes(geometry, name="gt_boxes_norm")([gt_boxes_px, self.image])
        target_inputs = [proposals, gt_class_ids, gt_boxes]
        if self.mask_head:
            mask_size = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else (height, width)
            mask_type = "uint8" if geometry == "area" else "bool"
            target_inputs.append(new_input("input_gt_masks", (*mask_size, config.MAX_GT_INSTANCES), mask_type))
            target_inputs.append(new_input("input_has_masks", (), "bool"))
        rois, roi_match, class_ids, deltas, *mask_targets = DetectionTargetLayer(
            config.TRAIN_ROIS_PER_IMAGE,
            config.MASK_SLOTS,
            config.ROI_POSITIVE_RATIO,
            config.BBOX_STD_DEV,
            config.MASK_SHAPE if self.mask_head else None,
            config.USE_MINI_MASK,
            exact,
            geometry,
            config.MASK_REGION_SCALE,
            seed=config.SEED + 2,
            name="proposal_targets",
        )(target_inputs)

        maps = self.pyramid[:4]
        logits, probabilities, bbox = self.box_head(
            self._pool(config.POOL_SIZE, "roi_align_classifier")([rois, self.meta, *maps])
        )
        outputs = {
            "rpn_match": rpn_match,
            "rpn_target_deltas": rpn_deltas,
            "rpn_sampled_logits": sampled_logits,
            "rpn_sampled_deltas": sampled_deltas,
            "rois": rois,
            "roi_match": roi_match,
            "target_class_ids": class_ids,
            "target_deltas": deltas,
            "mrcnn_class_logits": logits,
            "mrcnn_class": probabilities,
            "mrcnn_bbox": bbox,
            "active_class_ids": ActiveClasses(name="active_class_ids")(self.meta),
        }
        if self.mask_head:
            slots = config.MASK_SLOTS
            masks_of = PositiveMasks(self._region_masks(), slots, config.TRAIN_BN is not False, name="mrcnn_masks")
            masks, mask_class_ids = mask_targets
            predicted = masks_of([self._mask_regions(rois[:, :slots]), mask_class_ids, self.meta, *self.maps])
            outputs.update(target_masks=masks, mask_class_ids=mask_class_ids, mrcnn_mask=predicted)
        return inputs, outputs

    # --- Detection ---
    def _detection_graph(self):
        """Tensors of the detection graph: proposals, head outputs and detections. The graph is built only once."""
        if self._inference is None:
            config = self.config
            anchors = keras.Input((None, 4), name="input_anchors", dtype="float32")
            rois = self._proposals(anchors, config.POST_NMS_ROIS_INFERENCE)
            pooled = self._pool(config.POOL_SIZE, "roi_align_classifier")([rois, self.meta, *self.pyramid[:4]])
            logits, probabilities, deltas = self.box_head(pooled)
            detections = DetectionLayer(
                config.DETECTION_MAX_INSTANCES,
                config.DETECTION_MIN_CONFIDENCE,
                config.DETECTION_NMS_THRESHOLD,
                config.BBOX_STD_DEV,
                config.MATTERPORT_EXACT or self.exact_detections,
                config.MASK_GEOMETRY,
                name="mrcnn_detection",
            )([rois, probabilities, deltas, self.meta])
            self._inference = {
                "anchors": anchors,
                "rois": rois,
                "mrcnn_class_logits": logits,
                "mrcnn_class": probabilities,
                "mrcnn_bbox": deltas,
                "detections": detections,
            }
        return self._inference

    def inference_model(self):
        """The whole detection network, with Matterport's inputs and outputs.

        Inputs [image, meta, anchors [B, A, 4] normalised]; outputs [detections [B, D, 6], mrcnn_class, mrcnn_bbox,
        mrcnn_mask [B, D, h, w, C], rpn_rois, rpn_class, rpn_bbox] (no `mrcnn_mask` without a mask head).
        """
        with self._scope():
            graph = self._detection_graph()
            outputs = [graph["detections"], graph["mrcnn_class"], graph["mrcnn_bbox"]]
            if self.mask_head:
                if "masks" not in graph:
                    graph["masks"] = self._masks_of(graph["detections"], self.meta, self.maps)
                outputs.append(graph["masks"])
            outputs += [graph["rois"], self.rpn_class, self.rpn_bbox]
            return self.inference_class([self.image, self.meta, graph["anchors"]], outputs, name="mask_rcnn")

    def _masks_of(self, detections, meta, maps):
        return self._region_masks()(self._mask_regions(detections[..., :4]), meta, maps)

    def detection_models(self):
        """The detection network as two models, so masks are computed only for detections that are kept.

        The first model: [image, meta, anchors] -> [detections [B, D, 6], P2, P3, P4, P5 and, with MASK_FINE_SIZE, the
        image's features, and at last `LastScores` [B, 2]]. The second model, or None without a mask head: [boxes
        [B, n, 4] normalised, meta, the same maps] -> masks [B, n, h, w, C].
        """
        with self._scope():
            graph, maps = self._detection_graph(), self.maps
            last = LastScores(self.config.PRE_NMS_LIMIT, self.config.RPN_BBOX_STD_DEV, name="last_scores")(
                [self.rpn_class, self.rpn_bbox, graph["anchors"], graph["rois"]]
            )
            first = keras.Model(
                [self.image, self.meta, graph["anchors"]], [graph["detections"], *maps, last], name="detector"
            )
            if not self.mask_head:
                return first, None
            boxes = keras.Input((None, 4), dtype="float32", name="kept_boxes")
            map_inputs = [
                keras.Input(m.shape[1:], dtype=m.dtype, name=f"kept_p{i}") for i, m in enumerate(maps, start=2)
            ]
            masks = self._masks_of(boxes, self.meta, map_inputs)
            return first, keras.Model([boxes, self.meta, *map_inputs], masks, name="masker")
