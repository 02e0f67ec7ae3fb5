"""Base class of the models: runs with their folders, weights, and resuming."""

import os
from collections.abc import Sequence
from pathlib import Path

import keras

from mrcnn import quiet
from mrcnn.config import Config
from mrcnn.errors import ConfigError
from mrcnn.hardware import precision_choice
from mrcnn.training.checkpoints import resolve_weights, run_checkpoints
from mrcnn.training.optimizers import compile_model
from mrcnn.training.recorded import take_recorded, to_store
from mrcnn.training.resume import resume
from mrcnn.training.run_folders import new_folder, run_folders, run_name, run_of
from mrcnn.training.stages import set_trainable, weighted_layers
from mrcnn.weights.load import LoadReport, load_weights, save_weights


class Trainable:
    """Base of `MaskRCNN` and `SemanticSegmenter`, which add a `keras_model` and the methods that use it.

    Parameters
    ----------
    mode : {"training", "inference"}
    config : Config
        Validated here.
    model_dir : str or Path
        Runs are stored in folders below it.

    Attributes
    ----------
    log_dir : Path
        Folder of the run.
    epoch : int
        Number of epochs done.
    checkpoint_path : str or None
        Checkpoint of the last epoch trained.
    precision : str
        Keras dtype policy.
    precision_reason : str
        Why it is used, as a sentence (see `mrcnn.hardware.precision_choice`).
    always_trained : list of str
        Layers that are trained in every stage, because weights for them were not loaded.
    progress : Progress or None
        Progress of the run.
    """

    keras_model: keras.Model
    # Attributes that change predictions, besides the config and the weights.
    PREDICTION_ATTRIBUTES: tuple[str, ...] = ()

    def __init__(self, mode: str, config: Config, model_dir: str | os.PathLike):
        if mode not in ("training", "inference"):
            raise ConfigError(f"mode must be 'training' or 'inference', not {mode!r}.")
        config.validate()
        self.mode, self.config, self.model_dir = mode, config, Path(model_dir)
        self._begin()
        self.set_log_dir()

    def _begin(self):
        """Set the attributes of a model that has not been trained yet."""
        if keras.backend.backend() == "tensorflow":
            quiet.run_first_graph()
        self.precision, self.precision_reason = precision_choice(self.config)
        self.always_trained, self._knows_channels = [], False
        self.progress, self.resume_state, self.resume_path = None, None, None
        self.checkpoint_path = None

    def refuse_inference(self, what):
        """Raise `ConfigError` if this model cannot be trained."""
        if self.mode != "training":
            raise ConfigError(
                f"This model was made for inference. Create {type(self).__name__}(mode='training', ...) to {what}."
            )

    # --- Runs and weights ---
    def set_log_dir(self, model_path=None):
        """Name a new run's folder, or take the folder and the epoch from the path of a checkpoint."""
        folder, self.epoch = (None, 0) if model_path is None else run_of(model_path)
        self.log_dir = new_folder(self.model_dir, run_name(self.config)) if folder is None else folder

    def find_last(self) -> str:
        """Path (str) of the last checkpoint of the last run of this config's NAME.

        Raises
        ------
        FileNotFoundError
            There is none.
        """
        name = run_name(self.config)
        for folder in reversed(run_folders(self.model_dir, name)):
            found = run_checkpoints(folder)
            if found:
                return str(found[-1])
        raise FileNotFoundError(
            f"{self.model_dir}: holds no checkpoint of a run named '{name}'. Train first, or give a weight file."
        )

    def load_weights(
        self,
        filepath: str | os.PathLike,
        by_name: bool = False,
        exclude: Sequence[str] | None = None,
        at_least: int = 1,
        verbose: int = 1,
    ) -> LoadReport:
        """Load weights, print what was loaded, and take log folder and epoch from the path.

        What their run recorded (TRAINED_STRETCHED, TRAINED_SCALE, ...) applies to this model, too.

        Parameters
        ----------
        filepath : path
            A `.h5` file in Matterport's layout, a checkpoint, an `.npz` file with keys `layer/kind`, or a run's folder
            (its best checkpoint).
        by_name : bool
            Load what the file has and leave the rest unchanged. Implied by `exclude`.
        exclude : list of str
            Layers to leave unchanged.
        at_least : int
            Loading fewer arrays than this is an error.

        Returns
        -------
        LoadReport

        Raises
        ------
        WeightsError
            The file cannot be read or does not fit; the model is unchanged.
        """
        path = resolve_weights(filepath)
        channels = int(self.config.IMAGE_SHAPE[2])
        report = load_weights(self.keras_model, path, by_name or bool(exclude), exclude, at_least, channels)
        self._train_what_was_not_loaded(report)
        if verbose:
            print(report)
        self.progress, self.resume_state, self.resume_path = None, None, None
        take_recorded(self, path, report.loaded)
        self.set_log_dir(path)
        return report

    def _train_what_was_not_loaded(self, report):
        """If layers are loaded, a first convolution that was inflated or is still random is trained in every stage."""
        inflated = [name.split("/")[0] for name in report.inflated]
        first = self.first_convolution()
        if f"{first}/kernel" in report.loaded:
            self.always_trained, self._knows_channels = inflated, True
        elif first is not None and not self._knows_channels:
            self.always_trained = [first]

    def first_convolution(self):
        """Name of the layer that receives the image's channels; None if there is no such convolution."""
        channels = int(self.config.IMAGE_SHAPE[2])
        for _, layer in weighted_layers(self.keras_model):
            if any(len(w.shape) == 4 and w.shape[2] == channels for w in layer.weights):
                return layer.name
        return None

    def save_weights(self, filepath: str | os.PathLike) -> None:
        """Write all weights in the legacy `.h5` layout, with what their training recorded, completely or not at all."""
        save_weights(self.keras_model, filepath, to_store(self.config))

    def resume(self, path: str | os.PathLike | None = None) -> bool:
        """Resume a run from its last checkpoint.

        Repeat the calls of `train` afterwards: those already finished are skipped, and the interrupted one continues
        within its stage.

        Parameters
        ----------
        path : str or Path, optional
            A checkpoint or a run's folder; by default the last run of this NAME.

        Returns
        -------
        bool
            Whether there was anything to resume.

        Raises
        ------
        WeightsError
            The checkpoint cannot be read or does not fit.
        """
        self.refuse_inference("resume")
        return resume(self, path)

    # --- Training ---
    def compile_for_training(self, learning_rate, total_steps):
        """Give the Keras model a new optimizer for the steps of a stage; None: for a training that hours limit."""
        compile_model(self.keras_model, self.config, learning_rate, total_steps)

    def set_trainable(self, layer_regex, keras_model=None, indent=0, verbose=1):
        """Make the layers that match trainable and the others not (see `mrcnn.training.stages.select_layers`)."""
        names = set_trainable(keras_model or self.keras_model, layer_regex, self.always_trained)
        if verbose:
            print(f"Training {len(names)} layers: {', '.join(names[:4])} ... {names[-1]}")
        return names
