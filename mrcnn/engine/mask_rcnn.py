"""`MaskRCNN`: the model class for training and detection, with Matterport's methods."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.engine.base import Trainable
from mrcnn.geometry.instances import Instances
from mrcnn.inference.ceilings import warn_of_limits
from mrcnn.inference.detection import Detection, mold_inputs, refuse_single
from mrcnn.inference.whole_or_tiled import predict_whole_or_tiled
from mrcnn.nets.mask_rcnn import MaskRCNNGraph
from mrcnn.training.devices import devices_for, share_steps, sharing
from mrcnn.training.history import TrainingHistory
from mrcnn.training.recorded import follow_given


class MaskRCNN(Trainable):
    """A Mask R-CNN for training or detection.

    Parameters
    ----------
    mode : {"training", "inference"}
        A model for training can also detect.
    config : Config
        Validated here.
    model_dir : str or Path
        Runs are stored in folders below it.

    Attributes
    ----------
    keras_model : keras.Model
    log_dir : Path
        Folder of the run.
    epoch : int
        Number of epochs done.
    checkpoint_path : str or None
        Checkpoint of the last epoch trained.
    anchors : float64 [A, 4] or None
        In pixels, from the last call of `get_anchors`.
    always_trained : list of str
        Layers that are trained in every stage, because weights for them were not loaded.
    progress : Progress or None
        Progress of the run.
    devices : list of str
        Devices that share a training batch (GPU_COUNT); empty if there is only one.
    scale : float or None
        Pixels of the network per pixel of an image in `predict`; None: that of the training, see
        `mrcnn.inference.scale.default_scale`.
    """

    graph_class = MaskRCNNGraph
    PREDICTION_ATTRIBUTES = ("scale", "flips")

    def __init__(self, mode: str, config: Config, model_dir: str | os.PathLike):
        super().__init__(mode, config, model_dir)
        self.devices = devices_for(config) if mode == "training" else []
        with sharing(self.devices):
            self.graph = self.graph_class(config, self.precision)
            self.keras_model = self.graph.training_model() if mode == "training" else self.graph.inference_model()
        share_steps(self.keras_model, self.devices)
        self.detection, self.anchors = Detection(self.graph, config), None

    # --- Training ---
    def train(
        self,
        train_dataset: Dataset,
        val_dataset: Dataset | None,
        learning_rate: float,
        epochs: int,
        layers: str,
        augmentation=None,
        custom_callbacks: list | None = None,
        no_augmentation_sources: list[str] | None = None,
        verbose: str | int = "auto",
    ) -> TrainingHistory:
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
        verbose : "auto", 0, 1 or 2
            0 is silent, 1 shows a bar within the epoch and one line per epoch, 2 only the lines; "auto" is 1 in a
            terminal or a notebook, and 2 in a log file.

        Returns
        -------
        TrainingHistory
            A list with a dict for each epoch of the run, as in `history.csv`.

        Raises
        ------
        ConfigError
            A setting, `layers`, `verbose` or one of the numbers is invalid.
        DataError
            A data set or an image cannot be used, or the losses became NaN.
        WeightsError
            A checkpoint cannot be written.
        """
        from mrcnn.training.run import run_training

        self.refuse_inference("train")
        with sharing(self.devices):
            return run_training(
                self,
                train_dataset,
                val_dataset,
                learning_rate=learning_rate,
                layers=layers,
                epochs=epochs,
                augmentation=augmentation,
                custom_callbacks=custom_callbacks,
                no_augmentation_sources=no_augmentation_sources,
                verbose=verbose,
            )

    # --- Detection ---
    @property
    def scale(self) -> float | None:
        return self.detection.scale

    @scale.setter
    def scale(self, value: float | None) -> None:
        self.detection.scale = value

    @property
    def flips(self) -> bool:
        return self.detection.flips

    @flips.setter
    def flips(self, value: bool) -> None:
        self.detection.flips = bool(value)

    def get_anchors(self, image_shape: Sequence[int]) -> np.ndarray:
        """Normalised anchors float32 [A, 4] for a molded image of this shape; `anchors` keeps those in pixels."""
        self.anchors, normalised = self.detection.anchors(image_shape)
        return normalised

    def mold_inputs(self, images):
        """Resize and centre images.

        Parameters
        ----------
        images : list of arrays [H, W] or [H, W, C]
            uint8, uint16, float or bool, of any size; channels are adapted to IMAGE_CHANNEL_COUNT.

        Returns
        -------
        molded [N, h, w, C] float32, metas [N, M] float32, windows int [N, 4]
            Stacked if all have the same molded size, otherwise lists.

        Raises
        ------
        DataError
            An image cannot be used; the error gives its position in the list.
        """
        follow_given(self)
        return mold_inputs(images, self.config)

    def predict(
        self,
        images: Sequence[ArrayLike],
        pixel_size_nm: float | tuple[float, float] | None = None,
        min_score: float | None = None,
        tile: int | str = "auto",
        scale: float | None = None,
    ) -> list[Instances]:
        """Detect objects, with masks only as large as their boxes.

        An image that is larger than IMAGE_MAX_DIM at the scale of the training images is detected in tiles, not reduced
        (`detect` reduces it, like Matterport's).

        Parameters
        ----------
        images : list of arrays
            As in `mold_inputs`; any number, of any sizes. They go through the network BATCH_SIZE at a time.
        pixel_size_nm : (float, float), number or None
            Recorded in the results.
        min_score : float, optional
            Discard detections with a lower score; DETECTION_MIN_CONFIDENCE applies in any case.
        tile : "auto", "off" or int
            "auto": tiles where they are needed. A number: tiles of this side in pixels of the image. "off": no tiles;
            the image is resized as IMAGE_RESIZE_MODE says.
        scale : float, optional
            Pixels of the network per pixel of the image, for objects of another size than in training; by default the
            attribute `scale`.

        Returns
        -------
        list of Instances
            In pixels of the images as given.

        Raises
        ------
        ConfigError
            `tile` or `scale` is invalid.
        DataError
            An image cannot be used; the error gives its position in the list.
        """
        refuse_single(images)
        follow_given(self)
        whole = self.detection.predict
        results = predict_whole_or_tiled(self, whole, images, pixel_size_nm, min_score, tile, scale)
        warn_of_limits(results, self.config)
        return results

    def detect_tiled(self, source, **options):
        """Detect in an image of any size, tile by tile; see `mrcnn.inference.tiling.detect_tiled`."""
        from mrcnn.inference.tiling import detect_tiled

        follow_given(self)
        found = detect_tiled(self, source, **options)
        warn_of_limits([found], self.config)
        return found

    def detect(self, images: Sequence[ArrayLike], verbose: int = 0) -> list[dict[str, np.ndarray]]:
        """Detect objects, like Matterport's `detect`.

        Returns
        -------
        list of dict
            `rois` int32 [N, 4] (y1, x1, y2, x2), `class_ids` int32 [N], `scores` float32 [N], `masks` bool [H, W, N].
            For large images with many objects use `predict`, whose masks are not full planes.
        """
        if verbose:
            print(f"Processing {len(images)} images")
        return [found.to_matterport() for found in self.predict(images, tile="off")]
