"""`SemanticSegmenter`: a network that assigns a class to each pixel, used and trained like `MaskRCNN`."""

import copy
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, softmax

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.data.molding import intensities, mold_image, to_channels
from mrcnn.engine.base import Trainable
from mrcnn.errors import ConfigError, DataError
from mrcnn.files import whole_file
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.resample import scaled_image
from mrcnn.geometry.rescale import rescaled
from mrcnn.inference.blended_tiles import tiled_probability
from mrcnn.inference.detection import refuse_single
from mrcnn.inference.empty_fields import warn_of_noise
from mrcnn.inference.jit import jit
from mrcnn.inference.scale import unfiltered_scale
from mrcnn.inference.whole_or_tiled import predict_whole_or_tiled
from mrcnn.nets.semantic.training_model import semantic_model
from mrcnn.results.watershed import WatershedSettings, instances_from_probability
from mrcnn.training.history import TrainingHistory
from mrcnn.training.recorded import follow_given

WATERSHED_FILE = "watershed.json"  # in the folder of a run: how its probabilities become objects


class SemanticSegmenter(Trainable):
    """A U-Net or FCN for training or prediction.

    Runs, weights, checkpoints and resuming are as for `MaskRCNN`: `load_weights`, `save_weights`, `find_last` and
    `resume` work in the same way, and the folder of a run holds the same files. `load_weights(path, by_name=True)`
    loads pretrained weights of the encoder.

    Parameters
    ----------
    mode : {"training", "inference"}
        A model for training can also predict.
    config : Config
        Validated here. SEMANTIC_MODEL selects the network; None becomes "unet" in the `config` of the segmenter.
    model_dir : str or Path
        Runs are stored in folders below it.

    Attributes
    ----------
    keras_model : keras.Model
        Molded images -> logits.
    watershed : WatershedSettings
        How `predict` turns probabilities into objects; `load_weights` reads them from the file next to the weights.
    flips : bool
        Average the predictions for four mirrored versions of each tile.
    scale : float or None
        Pixels of the network per pixel of an image in `predict`; None: that of the training, 1 unless its images were
        scaled.

    And those of `Trainable`.
    """

    PREDICTION_ATTRIBUTES = ("watershed", "flips", "scale")

    def __init__(self, mode: str, config: Config, model_dir: str | os.PathLike):
        if config.SEMANTIC_MODEL is None:
            config = copy.deepcopy(config)  # the caller's stays as it is
            config.SEMANTIC_MODEL = "unet"
        super().__init__(mode, config, model_dir)
        if mode == "training" and config.GPU_COUNT != 1:
            raise ConfigError(f"GPU_COUNT is {config.GPU_COUNT}, but semantic models train on one device: set it to 1.")
        self.keras_model = semantic_model(config, self.precision)
        self.watershed, self.flips, self.scale, self._run = WatershedSettings(), False, None, None

    # --- Weights ---
    def load_weights(self, filepath, *args, **options):
        """Load weights, like `MaskRCNN.load_weights`, and the watershed settings next to them, if there are any."""
        report = super().load_weights(filepath, *args, **options)
        self.watershed = read_watershed(Path(report.path).with_name(WATERSHED_FILE)) or WatershedSettings()
        return report

    def save_watershed(self, settings: WatershedSettings) -> None:
        """Use these `WatershedSettings`, and store them in the run's folder, to be loaded with its weights."""
        self.watershed = settings
        with whole_file(Path(self.log_dir) / WATERSHED_FILE) as temporary:
            temporary.write_text(json.dumps(settings.to_dict(), indent=2) + "\n", encoding="utf-8")

    # --- Training ---
    def train(
        self,
        train_dataset: Dataset,
        val_dataset: Dataset | None,
        learning_rate: float,
        epochs: int | None = None,
        hours: float | None = None,
        layers: str = "all",
        augmentation=None,
        custom_callbacks: list | None = None,
        no_augmentation_sources: list[str] | None = None,
        verbose: str | int = "auto",
    ) -> TrainingHistory:
        """Train for a total number of epochs or hours, on random crops of SEMANTIC_CROP pixels.

        Parameters
        ----------
        train_dataset, val_dataset : Dataset
            Prepared; `val_dataset` may be None. See `mrcnn.data.crops.CropSource` for the classes of pixels.
        learning_rate : float
        epochs : int, optional
            The total over all calls, as for `MaskRCNN`.
        hours : float, optional
            Instead of epochs: no epoch begins that would not end in time. The schedule of the learning rate follows the
            time, so two such runs are never exactly the same.
        layers : str
            all, heads (the decoder), 3+, 4+, 5+ (the encoder from that stage on, and the decoder), or a regular
            expression.
        augmentation : optional
            A transform of `mrcnn.data.augment`, a list of them, or an imgaug pipeline; drawn anew for every crop.
        custom_callbacks : list of keras callbacks, optional
        no_augmentation_sources : list of str, optional
        verbose : "auto", 0, 1 or 2
            As for `MaskRCNN`.

        Returns
        -------
        TrainingHistory
            A list with a dict for each epoch of the run: `loss`, `accuracy`, `foreground_iou`, and the same with
            `val_`.

        Raises
        ------
        ConfigError
            A setting, `layers`, `verbose` or one of the numbers is invalid, or the hours are too few for one epoch.
        DataError
            A data set or an image cannot be used, or the loss became NaN.
        WeightsError
            A checkpoint cannot be written.
        """
        from mrcnn.training.run import run_training
        from mrcnn.training.semantic import SEMANTIC

        self.refuse_inference("train")
        return run_training(
            self,
            train_dataset,
            val_dataset,
            learning_rate=learning_rate,
            layers=layers,
            epochs=epochs,
            hours=hours,
            augmentation=augmentation,
            custom_callbacks=custom_callbacks,
            no_augmentation_sources=no_augmentation_sources,
            verbose=verbose,
            recipe=SEMANTIC,
        )

    # --- Prediction ---
    def predict_probability(
        self, image: ArrayLike, tile: int | None = None, overlap: int | None = None, flips: bool | None = None
    ) -> np.ndarray:
        """Probabilities for an image of any size, computed in overlapping tiles that are blended smoothly.

        The image is used at its own scale, unlike in `predict`.

        Parameters
        ----------
        image : array [H, W] or [H, W, C]
            uint8, uint16, float or bool; channels are adapted to IMAGE_CHANNEL_COUNT.
        tile : int, optional
            Side of a tile, a multiple of 32; by default SEMANTIC_CROP, the size used for training.
        overlap : int, optional
            Pixels that neighbouring tiles share; by default a quarter of a tile.
        flips : bool, optional
            By default the attribute `flips`.

        Returns
        -------
        float32 [H, W, K]
            K is 1 for two classes (the foreground), otherwise NUM_CLASSES, background first.

        Raises
        ------
        ConfigError
            Tile and overlap are incompatible.
        DataError
            The image cannot be used.
        """
        return self._probability_of(self._prepared(np.asarray(image), "image"), tile, overlap, flips)

    def predict(
        self,
        images: Sequence[ArrayLike],
        pixel_size_nm: float | tuple[float, float] | None = None,
        min_score: float | None = None,
        settings: WatershedSettings | None = None,
        tile: int | str = "auto",
        scale: float | None = None,
    ) -> list[Instances]:
        """Objects of each image: its probabilities, separated by `mrcnn.results.watershed`.

        Objects of an image with a side of more than 4096 pixels are found in tiles that are joined; the probabilities
        of the whole image would need too much memory.

        Parameters
        ----------
        images : list of arrays
            As for `predict_probability`; any number, of any sizes.
        pixel_size_nm : (float, float), number or None
            Recorded in the results.
        min_score : float, optional
            Discard objects with a lower mean probability; DETECTION_MIN_CONFIDENCE applies in any case.
        settings : WatershedSettings, optional
            By default the attribute `watershed`.
        tile, scale
            As for `MaskRCNN.predict`.

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
        before, self.watershed = self.watershed, settings or self.watershed
        try:
            return predict_whole_or_tiled(self, self._predict_whole, images, pixel_size_nm, min_score, tile, scale)
        finally:
            self.watershed = before

    def _predict_whole(self, images):
        results = []
        for i, image in enumerate(images):
            image = self._prepared(np.asarray(image), f"image {i}")
            seen = image if self.scale is None else scaled_image(image, self.scale, unfiltered_scale(self.config))
            found = instances_from_probability(self._probability_of(seen), self.watershed)
            found = found.select(found.scores >= self.config.DETECTION_MIN_CONFIDENCE)
            results.append(rescaled(found, image.shape))
        return results

    def _prepared(self, image, name):
        """The image [H, W, C] with the channels and grey levels that the network takes."""
        image = to_channels(image, int(self.config.IMAGE_SHAPE[2]), name)
        try:
            return intensities(image, self.config, warn_of_noise)
        except ValueError as error:
            raise DataError(name, str(error).rstrip("."), "Repair the image, or leave it out") from error

    def _probability_of(self, image, tile=None, overlap=None, flips=None):
        tile = int(self.config.SEMANTIC_CROP if tile is None else tile)
        overlap, flips = tile // 4 if overlap is None else int(overlap), self.flips if flips is None else flips
        return tiled_probability(self._run_tiles, image, tile, overlap, int(self.config.BATCH_SIZE), flips)

    def _run_tiles(self, tiles):
        """Probabilities float32 [B, h, w, K] of tiles [B, h, w, C]."""
        if self._run is None:
            self._run = jit(self.keras_model, by_shape=True)
        logits = np.asarray(self._run([mold_image(tiles, self.config)]))
        return expit(logits) if logits.shape[-1] == 1 else softmax(logits, axis=-1)


def read_watershed(path):
    """`WatershedSettings` from a JSON file; None if there is none, `ConfigError` if it cannot be used."""
    if not Path(path).is_file():
        return None
    try:
        return WatershedSettings.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path}: contains no valid watershed settings ({error}). Remove it, or write it again."
        ) from error
