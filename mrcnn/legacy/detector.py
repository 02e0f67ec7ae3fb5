"""Matterport's `MaskRCNN`: the `MaskRCNN` of the engine with the methods and attributes used by old scripts."""

import math
import os
from collections import OrderedDict

import keras
import numpy as np

from mrcnn.engine import mask_rcnn as detector
from mrcnn.engine.base import Trainable
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.hardware import precision_of
from mrcnn.inference.ceilings import warn_of_limits
from mrcnn.inference.detection import Detection
from mrcnn.inference.unmolding import place_detections
from mrcnn.legacy.custom_network import CheckpointTemplate, OwnDetection, is_own
from mrcnn.legacy.grey_levels import in_grey_levels, of_one_call
from mrcnn.legacy.imagenet import imagenet_weights
from mrcnn.legacy.inspection import DetectionTensors
from mrcnn.legacy.keras2_layers import as_then
from mrcnn.legacy.keras_models import OriginalGraph
from mrcnn.legacy.log import log
from mrcnn.training.optimizers import compile_model
from mrcnn.training.run_folders import model_name
from mrcnn.training.stages import weighted_layers


def _count_steps(config):
    """Round step counts that a script computed by a division up to whole numbers, as Keras 2 did."""
    for name in ("STEPS_PER_EPOCH", "VALIDATION_STEPS"):
        value = getattr(config, name)
        if isinstance(value, float) and 0 < value < math.inf:
            setattr(config, name, math.ceil(value))


def _need_eager():
    """Raise `ConfigError` if TensorFlow runs in graph mode, as version 1 did."""
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if not tf.executing_eagerly():
        raise ConfigError(
            "TensorFlow is in the graph mode of version 1. Remove the code that enables it: `with graph.as_default():` "
            "around calls of the model (any thread can call the model without it), "
            "tf.compat.v1.disable_eager_execution(), tf.compat.v1.disable_v2_behavior()."
        )


class MaskRCNN(detector.MaskRCNN):
    """A Mask R-CNN for training or detection, with Matterport's methods.

    Parameters
    ----------
    mode : {"training", "inference"}
    config : Config
    model_dir : str
        Each run has a subfolder here.

    Attributes
    ----------
    keras_model : keras.Model
        Writes and reads legacy `.h5` files, finds layers by their old names, and in training accepts the original's
        inputs.
    log_dir : str
        The folder of the run.
    epoch, checkpoint_path, anchors
        See `mrcnn.MaskRCNN`.
    """

    graph_class = OriginalGraph

    def __init__(self, mode, config, model_dir):
        _need_eager()
        _count_steps(config)
        if type(self).build is MaskRCNN.build:
            super().__init__(mode, config, model_dir)
        else:
            Trainable.__init__(self, mode, config, model_dir)
            self._begin_with(None)
            self.keras_model = self.build(mode, config)
            if is_own(self.keras_model):
                self.detection = OwnDetection(self.keras_model, config)
        self.model_dir, self._tensors = os.fspath(model_dir), None

    @property
    def log_dir(self):
        """The folder of the run, as a str, because scripts concatenate it with others."""
        return self._log_dir

    @log_dir.setter
    def log_dir(self, path):
        self._log_dir = os.fspath(path)

    @property
    def checkpoint_path(self):
        """The checkpoint of the last epoch; before one is written, the path with a placeholder for the epoch."""
        name = f"mask_rcnn_{model_name(self.config)}_{{epoch:04d}}.h5"
        return self._checkpoint_path or CheckpointTemplate(os.path.join(self.log_dir, name))

    @checkpoint_path.setter
    def checkpoint_path(self, path):
        self._checkpoint_path = path

    # --- Building and weights ---
    def build(self, mode, config):
        """Build a new Keras model with new weights; `keras_model` is not changed.

        Subclasses may override this method. Subclasses whose `__init__` does what the original did, without calling
        ours, may call it.

        Raises
        ------
        ConfigError
            A setting is not valid, for example an image size that is not a multiple of 64.
        """
        config.validate()
        graph = self.graph_class(config, precision_of(config))
        if vars(self).get("graph") is None:
            self._begin_with(graph)
        return graph.training_model() if mode == "training" else graph.inference_model()

    def _begin_with(self, graph):
        """Initialise the attributes; also called by `build` for subclasses that do not call our `__init__`."""
        self._begin()
        self.graph, self.detection = graph, Detection(graph, self.config)
        self.anchors, self._tensors, self.devices = None, None, []

    def load_weights(self, filepath, by_name=False, exclude=None, **options):
        """Load weights, and set the log folder and epoch from the path; see `mrcnn.MaskRCNN.load_weights`.

        Raises
        ------
        WeightsError
            The file cannot be read or does not fit the model, which is then unchanged.
        """
        if isinstance(filepath, str) and len(filepath) == 1 and not os.path.exists(filepath):
            raise WeightsError(
                f"{filepath!r} is a single letter of a path. Before version 2.1 find_last() returned (folder, path), "
                "now it returns the path. Write model.find_last() instead of model.find_last()[1]."
            )
        return super().load_weights(filepath, by_name, exclude, **options)

    def get_imagenet_weights(self):
        """Path of a file with the backbone's ImageNet weights, for `load_weights(path, by_name=True)`.

        Raises
        ------
        WeightsError
            The file cannot be downloaded; the message states where to put it.
        """
        return imagenet_weights(self.config.BACKBONE)

    # --- Training ---
    def compile(self, learning_rate, momentum):
        """Compile `keras_model` with an optimizer; `train` does this itself."""
        if self.mode != "training":
            raise ConfigError("This model was made for inference. Create MaskRCNN(mode='training', ...) to compile it.")
        compile_model(self.keras_model, self.config, learning_rate)
        if hasattr(self.keras_model.optimizer, "momentum"):
            self.keras_model.optimizer.momentum = float(momentum)

    def train(self, train_dataset, val_dataset, learning_rate, epochs, layers, augmentation=None, custom_callbacks=None,
              no_augmentation_sources=None, verbose="auto"):  # fmt: skip
        """Train until `epochs` epochs in total are done; see `mrcnn.MaskRCNN.train`."""
        _need_eager()
        if is_own(self.keras_model):
            raise ConfigError(
                "train cannot train the network from build(): it only works with the network from super().build(). "
                "Train your own network with keras_model.compile and keras_model.fit."
            )
        _count_steps(self.config)
        datasets = (in_grey_levels(dataset, lambda: self.config) for dataset in (train_dataset, val_dataset))
        optional = (augmentation, custom_callbacks, no_augmentation_sources, verbose)
        return super().train(*datasets, learning_rate, epochs, layers, *optional)

    def compile_for_training(self, learning_rate, total_steps):
        """Compile with the subclass's own `compile` if it has one."""
        if type(self).compile is MaskRCNN.compile:
            super().compile_for_training(learning_rate, total_steps)
        else:
            self.compile(learning_rate, self.config.LEARNING_MOMENTUM)

    def find_trainable_layer(self, layer):
        """The inner layer of a wrapper, which owns the weights; for other layers the layer itself."""
        inner = getattr(layer, "layer", None)
        return layer if inner is None else self.find_trainable_layer(inner)

    def get_trainable_layers(self):
        """All layers that own weights, as Keras classes, including layers inside of other layers.

        Convolutions are `Conv2D` and `Conv2DTranspose` regardless of wrappers, including the three of the RPN.
        """
        return as_then(layer for _, layer in weighted_layers(self.keras_model))

    # --- Detection ---
    def _in_grey_levels(self, images):
        single = isinstance(images, np.ndarray) and images.ndim < 4  # rejected later
        return images if single else of_one_call(images, self.config)

    def mold_inputs(self, images):
        """Resize and centre images; see `mrcnn.MaskRCNN.mold_inputs`, and `of_one_call` for intensity scaling."""
        return super().mold_inputs(self._in_grey_levels(images))

    def predict(self, images, pixel_size_nm=None, min_score=None, tile="auto", scale=None):
        """Detect objects; see `mrcnn.MaskRCNN.predict`."""
        _need_eager()
        return super().predict(self._in_grey_levels(images), pixel_size_nm, min_score, tile, scale)

    def detect_tiled(self, source, **options):
        """Detect in an image of any size; see `mrcnn.MaskRCNN.detect_tiled`. Arrays are converted as for `predict`."""
        (source,) = self._in_grey_levels([source]) if isinstance(source, np.ndarray) else (source,)
        return super().detect_tiled(source, **options)

    def detect(self, images, verbose=0):
        """Detect objects in any number of images, regardless of BATCH_SIZE; see `mrcnn.MaskRCNN.detect`."""
        if verbose:
            log(f"Processing {len(images)} images")
            for image in images:
                log("image", np.asarray(image))
        found = super().detect(images)
        if len(images):
            self.get_anchors(np.asarray(self.mold_inputs(list(images)[-1:])[0]).shape[1:])
        return found

    def detect_molded(self, molded_images, image_metas, verbose=0):
        """Detect objects in images that are already molded; results are in pixels of the molded images.

        Parameters
        ----------
        molded_images : float32 [N, h, w, C]
        image_metas : [N, M]

        Returns
        -------
        list of dict
            As returned by `detect`.
        """
        _need_eager()
        molded_images, image_metas = np.asarray(molded_images, np.float32), np.asarray(image_metas, np.float32)
        if verbose:
            log(f"Processing {len(molded_images)} images")
            log("molded_images", molded_images)
            log("image_metas", image_metas)
        results, size = [], max(1, int(self.config.BATCH_SIZE))
        shape = molded_images.shape[1:]
        self.get_anchors(shape)
        for start in range(0, len(molded_images), size):
            part = slice(start, start + size)
            detections, masks, limits = self.detection.run(molded_images[part], image_metas[part])
            masks = [None] * len(detections) if masks is None else masks
            whole = (0, 0, *shape[:2])
            found = [place_detections(d, m, shape, shape, whole, self.config) for d, m in zip(detections, masks)]
            for one, one.limit_reached in zip(found, limits):
                results.append(one)
        warn_of_limits(results, self.config)
        return [found.to_matterport() for found in results]

    def unmold_detections(self, detections, mrcnn_mask, original_image_shape, image_shape, window):
        """Convert the network's detections of one image to pixels of the original image.

        Parameters
        ----------
        detections : [D, 6]
            (y1, x1, y2, x2, class_id, score), normalised, padded with zeros.
        mrcnn_mask : [D, h, w, C]
        original_image_shape, image_shape : (height, width, ...)
            Before and after molding.
        window : (y1, x1, y2, x2)
            The position of the original in the molded image, in pixels.

        Returns
        -------
        boxes int32 [N, 4], class_ids int32 [N], scores float32 [N], masks bool [H, W, N]
        """
        detections, mrcnn_mask = np.asarray(detections), np.asarray(mrcnn_mask)
        own = detections[: len(mrcnn_mask), 4].astype(np.int64)
        masks = np.take_along_axis(mrcnn_mask, own[:, None, None, None], axis=3)[..., 0]
        shapes = tuple(original_image_shape), tuple(image_shape)
        found = place_detections(detections, masks, *shapes, window, self.config).to_matterport()
        return found["rois"], found["class_ids"], found["scores"], found["masks"]

    # --- Inspection ---
    def _detection_tensors(self):
        if self._tensors is None:
            inference = self.mode == "inference"
            self._tensors = DetectionTensors(self.keras_model if inference else self.graph.inference_model())
        return self._tensors

    def ancestor(self, tensor, name, checked=None):
        """Find a tensor for `run_graph` by its TensorFlow 1 name; None if there is no such tensor.

        Parameters
        ----------
        tensor, checked
            Unused: names are searched in the whole detection network.
        name : str
            "ROI/pre_nms_anchors:0", "ROI/refined_anchors:0", "ROI/refined_anchors_clipped:0",
            "ROI/rpn_non_max_suppression/NonMaxSuppressionV3:0" (or V2, or without), or a layer's output.
        """
        return self._detection_tensors().find(name)

    def run_graph(self, images, outputs, image_metas=None):
        """Compute the values of any tensors of the detection network.

        Parameters
        ----------
        images : list of arrays [H, W, C], or molded images [N, h, w, C] if `image_metas` is given
        outputs : list of (label, output)
            An output is the output of a layer (`keras_model.get_layer(name).output`), a result of `ancestor`, or a
            name.
        image_metas : [N, M], optional

        Returns
        -------
        OrderedDict
            label -> array.

        Raises
        ------
        ConfigError
            An output cannot be computed.
        """
        outputs = list(OrderedDict(outputs).items())
        molded = np.asarray(images, np.float32) if image_metas is not None else None
        if molded is None:
            molded, image_metas, _ = self.mold_inputs(images)
            if isinstance(molded, list):
                raise ConfigError("run_graph needs images with the same molded size: pass these images one by one.")
        anchors = self.get_anchors(molded.shape[1:])
        anchors = np.broadcast_to(anchors, (len(molded), *anchors.shape))
        arrays = [molded, np.asarray(image_metas, np.float32), anchors]
        values = self._detection_tensors().run(outputs, arrays)
        found = OrderedDict((label, values[label]) for label, _ in outputs)
        for label, value in found.items():
            log(label, value)
        return found
