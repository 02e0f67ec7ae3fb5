"""Weights of a model, in and out of files, with an account of what was loaded."""

from dataclasses import dataclass, field

import h5py
import numpy as np

from mrcnn.engine.weight_files import open_weights, write_legacy_group, written_whole
from mrcnn.errors import WeightsError


@dataclass
class LoadReport:
    """What loading a weight file did; names are `layer/kind`."""

    path: str
    loaded: list = field(default_factory=list)
    inflated: list = field(default_factory=list)  # loaded with another number of input channels
    mismatched: list = field(default_factory=list)  # (name, shape in the file, shape in the model)
    skipped: list = field(default_factory=list)  # in the file, not in the model
    missing: list = field(default_factory=list)  # in the model, not in the file
    excluded: list = field(default_factory=list)

    def __str__(self):
        lines = [
            f"Weights from {self.path}: {len(self.loaded)} arrays loaded, {len(self.missing)} of the model not in the "
            "file, "
            f"{len(self.skipped)} of the file not in the model, {len(self.mismatched)} of another shape, "
            f"{len(self.excluded)} excluded."
        ]
        lines += [f"  inflated to the image's channels: {name}" for name in self.inflated]
        lines += [f"  not in the file: {_shortened(self.missing)}"] if self.missing else []
        lines += [f"  not in the model: {_shortened(self.skipped)}"] if self.skipped else []
        return "\n".join(lines)


def _shortened(names, most=6):
    layers = list(dict.fromkeys(n.split("/")[0] for n in names))
    return ", ".join(layers[:most]) + (f" and {len(layers) - most} layers more" if len(layers) > most else "")


# Layers whose weights the original keeps in one group; everywhere else a group is the layer that owns the weights.
GROUPED = ("rpn_model", "backbone")


def layer_weights(model):
    """[(group, [(owning layer, kind, variable)])], each variable once, in the order of the model's layers."""
    seen, groups = set(), {}
    for layer in model.layers:
        groups.setdefault(layer.name, []) if not layer.weights else None
        for variable in layer.weights:
            if id(variable) in seen:
                continue
            seen.add(id(variable))
            owner, kind = variable.path.split("/")[-2:]
            groups.setdefault(layer.name if layer.name in GROUPED else owner, []).append((owner, kind, variable))
    return list(groups.items())


def save_weights(model, path):
    """Write a model's weights in the legacy `.h5` layout, whole or not at all."""
    with written_whole(path) as temporary, h5py.File(temporary, "w") as file:
        write_weights(model, file)


def write_weights(model, root):
    """Write a model's weights into an open HDF5 file or group."""
    write_legacy_group(
        root,
        [
            (name, [(owner, kind, np.asarray(v)) for owner, kind, v in entries])
            for name, entries in layer_weights(model)
        ],
    )


def load_weights(model, path, by_name=False, exclude=(), at_least=1, image_channels=None):
    """Read weights into a model by the names of layers.

    Parameters
    ----------
    model : keras.Model
    path : path of a legacy `.h5`, one of our checkpoints, or an `.npz` with keys `layer/kind`
    by_name : bool
        False: every weight of the model must be in the file. True: what is not there keeps its value.
    exclude : sequence of str
        Layers to leave as they are.
    at_least : int
        Fewer loaded arrays than this are an error.
    image_channels : int, optional
        Where the file's first convolution has another number of input channels than this, its kernel is spread over
        them: the mean over the file's channels, scaled such that a picture of equal channels gives the same response.

    Returns
    -------
    LoadReport

    Raises
    ------
    WeightsError
        The file cannot be read, too little of it fits, or shapes differ. The model is then unchanged.
    """
    report = LoadReport(str(path))
    with open_weights(path) as stored:
        plan = _match(model, stored, set(exclude or ()), image_channels, report)
        _judge(report, by_name, at_least)
        values = [(variable, _inflate(array.read(), variable.shape)) for variable, array in plan]
    for variable, value in values:
        variable.assign(value)
    return report


def _match(model, stored, exclude, image_channels, report):
    """Pairs of a model's variable and the stored array for it; fills `report`."""
    by_key = {(a.layer, a.kind): a for a in stored}
    by_position = {}
    for array in stored:
        by_position.setdefault(array.group, []).append(array)
    plan, used = [], set()
    for group, entries in layer_weights(model):
        # Automatic names ("conv2d_7") change from one build to the next; there position within the layer decides.
        positional = by_position.get(group, [])
        positional = positional if [a.shape for a in positional] == [tuple(v.shape) for _, _, v in entries] else []
        for position, (owner, kind, variable) in enumerate(entries):
            name, shape = f"{owner}/{kind}", tuple(variable.shape)
            if owner in exclude or group in exclude:
                report.excluded.append(name)
                used.add(id(by_key.get((owner, kind))))
                continue
            array = by_key.get((owner, kind)) or (positional[position] if positional else None)
            if array is None:
                report.missing.append(name)
                continue
            used.add(id(array))
            if array.shape == shape:
                report.loaded.append(name)
            elif _inflatable(array.shape, shape, image_channels):
                report.loaded.append(name)
                report.inflated.append(name)
            else:
                report.mismatched.append((name, array.shape, shape))
                continue
            plan.append((variable, array))
    report.skipped += [a.name for a in stored if id(a) not in used]
    return plan


def _inflatable(stored, wanted, image_channels):
    return (
        image_channels is not None
        and len(stored) == 4 == len(wanted)
        and wanted[2] == image_channels
        and stored[2] in (1, 3)
        and stored[:2] == wanted[:2]
        and stored[3] == wanted[3]
    )


def _inflate(value, shape):
    if value.shape == tuple(shape):
        return value
    channels = shape[2]
    return np.repeat(value.mean(axis=2, keepdims=True) * (value.shape[2] / channels), channels, axis=2).astype(
        value.dtype
    )


def _judge(report, by_name, at_least):
    if report.mismatched:
        lines = [
            f"  {name}: {stored} in the file, {wanted} in the model" for name, stored, wanted in report.mismatched[:8]
        ]
        layers = list(dict.fromkeys(name.split("/")[0] for name, _, _ in report.mismatched))
        raise WeightsError(
            f"{report.path}: {len(report.mismatched)} arrays have another shape than the model's:\n"
            + "\n".join(lines)
            + f"\nNothing was loaded. For another number of classes, leave those layers out: exclude={layers[:6]}; "
            "otherwise the file "
            "belongs to another architecture or configuration."
        )
    if len(report.loaded) < max(1, at_least):
        raise WeightsError(
            f"{report.path}: only {len(report.loaded)} arrays fit the model, of at least {max(1, at_least)} asked for. "
            "Nothing was "
            f"loaded. The file holds other layers ({_shortened(report.skipped) or 'none'}): "
            "is it of another architecture?"
        )
    if not by_name and report.missing:
        raise WeightsError(
            f"{report.path}: {len(report.missing)} arrays of the model are not in the file ({_shortened(report.missing)}). "
            "Nothing was "
            "loaded. Give by_name=True to load what is there and leave the rest."
        )
