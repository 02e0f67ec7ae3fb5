"""`MaskRCNN`: the model as its users hold it, with Matterport's methods."""

import datetime
import re
from pathlib import Path

import numpy as np

from mrcnn.data.molding import compose_image_meta, mold_image, resize_image, scale_intensity, to_channels
from mrcnn.engine.checkpoints import checkpoint_epoch, read_state, resolve_weights, run_checkpoints
from mrcnn.engine.compiled import compiled
from mrcnn.engine.hardware import precision_of
from mrcnn.engine.stages import set_trainable
from mrcnn.engine.unmolding import detections_to_instances
from mrcnn.engine.weights import load_weights, save_weights
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.geometry.boxes import norm_boxes
from mrcnn.nets.mask_rcnn import MaskRCNNGraph, pyramid_anchors


class MaskRCNN:
    """A Mask R-CNN for training or detection.

    Parameters
    ----------
    mode : {"training", "inference"}
    config : Config
        Validated here.
    model_dir : str or Path
        Runs are kept in folders below it.

    Attributes
    ----------
    keras_model : keras.Model
    log_dir : Path
        Of the run.
    epoch : int
        Epochs done.
    """

    def __init__(self, mode, config, model_dir):
        if mode not in ("training", "inference"):
            raise ConfigError(f"mode must be 'training' or 'inference', not {mode!r}.")
        config.validate()
        self.mode, self.config, self.model_dir = mode, config, Path(model_dir)
        self.graph = MaskRCNNGraph(config, precision_of(config))
        self.keras_model = self.graph.training_model() if mode == "training" else self.graph.inference_model()
        # Until weights of the right number of channels are loaded, the first convolution knows nothing: train it in
        # every stage.
        self.always_trained = []
        self.resume_state, self.resume_path = None, None
        self._detect, self._anchors, self.anchors = None, {}, None
        self.set_log_dir()

    # --- Runs and weights ---
    def set_log_dir(self, model_path=None):
        """Name the run's folder, or take it and the epoch from the path of a checkpoint."""
        self.epoch = 0
        name, now = str(self.config.NAME or "model").lower(), datetime.datetime.now()
        self.log_dir = self.model_dir / f"{name}{now:%Y%m%dT%H%M}"
        if model_path is None:
            return
        path = Path(model_path)
        if path.name in ("best.h5", "interrupted.h5") or re.search(r"\d{8}T\d{4}$", path.parent.name):
            self.log_dir = path.parent
            self.epoch = checkpoint_epoch(path) or 0

    def find_last(self):
        """Path of the last checkpoint of the last run of this config's NAME.

        Raises
        ------
        FileNotFoundError
            There is none.
        """
        key = str(self.config.NAME or "model").lower()
        folders = sorted(p for p in self.model_dir.glob(f"{key}*") if p.is_dir()) if self.model_dir.is_dir() else []
        for folder in reversed(folders):
            found = run_checkpoints(folder)
            if found:
                return str(found[-1])
        raise FileNotFoundError(
            f"{self.model_dir}: holds no checkpoint of a run named '{key}'. Train first, or give a weight file."
        )

    def load_weights(self, filepath, by_name=False, exclude=None, at_least=1, verbose=1):
        """Load weights, print what was loaded, and take log folder and epoch from the path.

        Parameters
        ----------
        filepath : path
            A `.h5` of Matterport's layout, a checkpoint, an `.npz` with keys `layer/kind`, or a run's folder (its
            best).
        by_name : bool
            Load what is there and leave the rest. Implied by `exclude`.
        exclude : list of str
            Layers to leave as they are.
        at_least : int
            Fewer arrays loaded than this are an error.

        Returns
        -------
        LoadReport

        Raises
        ------
        WeightsError
            The file cannot be read or does not fit; the model is unchanged.
        """
        path = resolve_weights(filepath)
        report = load_weights(
            self.keras_model, path, by_name or bool(exclude), exclude, at_least, int(self.config.IMAGE_SHAPE[2])
        )
        self._train_what_was_not_loaded(report)
        if verbose:
            print(report)
        self.set_log_dir(path)
        return report

    def _train_what_was_not_loaded(self, report):
        """The first convolution is trained in every stage when its kernel was inflated, or missing beside a loaded
        backbone.
        """
        inflated = [n.split("/")[0] for n in report.inflated]
        missing = [n.split("/")[0] for n in report.missing + report.excluded]
        first = self.first_convolution()
        self.always_trained = list(dict.fromkeys(inflated + ([first] if first in missing else [])))

    def first_convolution(self):
        """Name of the layer that sees the image's channels."""
        from mrcnn.engine.stages import weighted_layers

        channels = int(self.config.IMAGE_SHAPE[2])
        return next(
            layer.name
            for _, layer in weighted_layers(self.keras_model)
            if any(len(w.shape) == 4 and w.shape[2] == channels for w in layer.weights)
        )

    def save_weights(self, filepath):
        """Write all weights in the legacy `.h5` layout, whole or not at all."""
        save_weights(self.keras_model, filepath)

    def resume(self, path=None):
        """Take up a run where its last checkpoint left it; `train` then goes on inside of the interrupted stage.

        Parameters
        ----------
        path : str or Path, optional
            A checkpoint or a run's folder; by default the last run of this NAME.

        Returns
        -------
        bool
            Whether there was anything to resume.
        """
        if path is None:
            try:
                path = Path(self.find_last()).parent
            except FileNotFoundError:
                path = self._interrupted_first_epoch()
                if path is None:
                    return False
        path = Path(path)
        if path.is_dir():
            states = [p for p in [*run_checkpoints(path)[-1:], path / "interrupted.h5"] if p.is_file()]
            if not states:
                return False
            path = max(states, key=lambda p: (read_state(p).progress.epoch, read_state(p).progress.step))
        state = read_state(path)
        if state is None:
            raise WeightsError(
                f"{path}: holds weights, but no state of a training to resume. Load it with load_weights instead."
            )
        self.load_weights(path, verbose=0)
        self.log_dir, self.epoch = path.parent, state.progress.epoch
        self.resume_state, self.resume_path = state, path
        return True

    def _interrupted_first_epoch(self):
        key = str(self.config.NAME or "model").lower()
        found = sorted(self.model_dir.glob(f"{key}*/interrupted.h5")) if self.model_dir.is_dir() else []
        return found[-1].parent if found else None

    # --- Training ---
    def set_trainable(self, layer_regex, keras_model=None, indent=0, verbose=1):
        """Make the layers that match trainable and the others not (see `mrcnn.engine.stages.select_layers`)."""
        names = set_trainable(keras_model or self.keras_model, layer_regex, self.always_trained)
        if verbose:
            print(f"Training {len(names)} layers: {', '.join(names[:4])} ... {names[-1]}")
        return names

    def train(
        self,
        train_dataset,
        val_dataset,
        learning_rate,
        epochs,
        layers,
        augmentation=None,
        custom_callbacks=None,
        no_augmentation_sources=None,
        verbose="auto",
    ):
        """Train until `epochs` epochs in total are done.

        Parameters
        ----------
        train_dataset, val_dataset : Dataset
            Prepared; `val_dataset` may be None.
        learning_rate : float
        epochs : int
            The total over all calls, as in Matterport's package: a second stage of 20 after a first of 10 ends at 20.
        layers : str
            heads, 3+, 4+, 5+, all, or a regular expression.
        augmentation : optional
            A transform of `mrcnn.data.augment`, a list of them, or an imgaug pipeline.
        custom_callbacks : list of keras callbacks, optional
        no_augmentation_sources : list of str, optional

        Returns
        -------
        list of dict
            The run's history, one row an epoch, as in `history.csv`.
        """
        from mrcnn.engine.training import run_training

        if self.mode != "training":
            raise ConfigError("This model was made for inference. Create MaskRCNN(mode='training', ...) to train.")
        return run_training(
            self,
            train_dataset,
            val_dataset,
            learning_rate,
            epochs,
            layers,
            augmentation,
            custom_callbacks,
            no_augmentation_sources,
            verbose,
        )

    # --- Detection ---
    def get_anchors(self, image_shape):
        """Normalised anchors float32 [A, 4] for a molded image of this shape; the pixel ones are kept in `anchors`."""
        key = tuple(int(v) for v in image_shape[:2])
        if key not in self._anchors:
            self._anchors[key] = pyramid_anchors(self.config, key)
        self.anchors = self._anchors[key]
        return norm_boxes(self.anchors, key).astype(np.float32)

    def mold_inputs(self, images):
        """Resize and centre images.

        Parameters
        ----------
        images : list of arrays [H, W] or [H, W, C]
            uint8, uint16, float or bool, of any size; channels are adapted to IMAGE_CHANNEL_COUNT.

        Returns
        -------
        molded [N, h, w, C] float32, metas [N, M], windows int32 [N, 4]
            Stacked when all have one molded size, else lists.
        """
        config, molded, metas, windows = self.config, [], [], []
        # Training crops have a fixed size; a picture to detect on is padded whole instead.
        mode = "pad64" if config.IMAGE_RESIZE_MODE == "crop" else config.IMAGE_RESIZE_MODE
        for image in images:
            original = np.asarray(image)
            image = scale_intensity(to_channels(original, int(config.IMAGE_SHAPE[2])))
            image, window, scale, _, _ = resize_image(
                image,
                min_dim=config.IMAGE_MIN_DIM,
                max_dim=config.IMAGE_MAX_DIM,
                min_scale=config.IMAGE_MIN_SCALE,
                mode=mode,
            )
            channels = image.shape[2]
            metas.append(
                compose_image_meta(
                    0,
                    (*original.shape[:2], channels),
                    image.shape,
                    window,
                    scale,
                    np.zeros(config.NUM_CLASSES, np.int32),
                )
            )
            molded.append(mold_image(image, config).astype(np.float32))
            windows.append(window)
        if len({m.shape for m in molded}) == 1:
            return np.stack(molded), np.stack(metas).astype(np.float32), np.stack(windows)
        return molded, metas, windows

    def predict(self, images, pixel_size_nm=None, min_score=None):
        """Detect objects, with masks only as large as their boxes.

        Parameters
        ----------
        images : list of arrays
            As in `mold_inputs`; any number, of any sizes.
        pixel_size_nm : (float, float), number or None
            Noted in the results.
        min_score : float, optional
            Drop detections below; DETECTION_MIN_CONFIDENCE is applied anyway.

        Returns
        -------
        list of Instances
        """
        results = []
        for start in range(0, len(images), max(1, int(self.config.BATCH_SIZE))):
            results += self._predict_batch(images[start : start + int(self.config.BATCH_SIZE)])
        size = pixel_size_nm if pixel_size_nm is None or np.ndim(pixel_size_nm) else (pixel_size_nm, pixel_size_nm)
        for i, found in enumerate(results):
            if min_score is not None:
                results[i] = found = found.select(found.scores >= min_score)
            found.pixel_size_nm = size
        return results

    def _predict_batch(self, images):
        molded, metas, windows = self.mold_inputs(images)
        if isinstance(molded, list):
            return [result for image in images for result in self._predict_batch([image])]
        detections, masks = self._run_detection(molded, np.asarray(metas, np.float32))
        return [
            detections_to_instances(
                detections[i], None if masks is None else masks[i], images[i].shape, molded.shape[1:3], windows[i]
            )
            for i in range(len(images))
        ]

    def _run_detection(self, molded, metas):
        """Detections [B, D, 6] and, for those kept, masks [B, n, h, w] of their own class."""
        if self._detect is None:
            self._detect = tuple(model and compiled(model) for model in self.graph.detection_models())
        detect, mask = self._detect
        anchors = np.broadcast_to(
            self.get_anchors(molded.shape[1:]), (len(molded), *self.get_anchors(molded.shape[1:]).shape)
        )
        detections, *maps = detect([molded, metas, anchors])
        detections = np.asarray(detections)
        if mask is None:
            return detections, None
        kept = int((detections[:, :, 4] > 0).sum(axis=1).max())
        if not kept:
            return detections, np.zeros((len(molded), 0, *self.config.MASK_SHAPE), np.float32)
        slots = min(detections.shape[1], padded_count(kept))
        masks = np.asarray(mask([detections[:, :slots, :4], metas, *maps]))
        class_ids = detections[:, :slots, 4].astype(np.int64)
        return detections, np.take_along_axis(masks, class_ids[:, :, None, None, None], axis=4)[..., 0]

    def detect(self, images, verbose=0):
        """Detect objects, as Matterport's `detect`.

        Returns
        -------
        list of dict
            `rois` int32 [N, 4] (y1, x1, y2, x2), `class_ids` int32 [N], `scores` float32 [N], `masks` bool [H, W, N].
            For large pictures with many objects use `predict`, whose masks are not full planes.
        """
        if verbose:
            print(f"Processing {len(images)} images")
        return [found.to_matterport() for found in self.predict(images)]


def padded_count(count):
    """The smallest of 8, 16, 32, ... that holds `count`: a few sizes, so that few programs are compiled."""
    return max(8, 1 << (int(count) - 1).bit_length())
