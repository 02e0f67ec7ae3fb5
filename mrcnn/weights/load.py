"""Load the weights of a model from files and save them, with a report of what was loaded."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field

import keras
import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.keras_private import nested_layers
from mrcnn.weights.files import SETTINGS, open_weights, write_legacy_group, written_whole

# Layers whose weights the original stores in one group; for all others the group is the layer that owns the weights.
GROUPED = ("rpn_model", "backbone")
# Names that other versions of Keras use for the same weight.
ALIASES = {"depthwise_kernel": "kernel", "running_mean": "moving_mean", "running_std": "moving_variance"}
# Maximum number of image channels in a file's first convolution; a larger shape is forged to exhaust the memory.
MOST_CHANNELS = 1024
# Names that Keras generates; their numbers continue from one model of a program to the next.
AUTOMATIC = re.compile(
    r"((?:depthwise_|separable_)?conv2d(?:_transpose)?|dense|(?:batch_|layer_|group_)?normalization|batch_norm)(?:_\d+)?"
)


@dataclass
class LoadReport:
    """The outcome of loading a weight file; names are `layer/kind`."""

    path: str
    loaded: list = field(default_factory=list)
    inflated: list = field(default_factory=list)  # loaded with a different number of input channels
    mismatched: list = field(default_factory=list)  # (name, shape in the file, shape in the model)
    skipped: list = field(default_factory=list)  # in the file, not in the model
    missing: list = field(default_factory=list)  # in the model, not in the file
    excluded: list = field(default_factory=list)
    unknown: list = field(default_factory=list)  # names in `exclude` that are neither in the file nor in the model

    def __str__(self):
        lines = [
            f"Weights from {self.path}: {len(self.loaded)} arrays loaded, {len(self.missing)} in the model but not in "
            f"the file, {len(self.skipped)} in the file but not in the model, {len(self.mismatched)} with a different "
            f"shape, {len(self.excluded)} excluded."
        ]
        lines += [f"  inflated to the image's channels: {name}" for name in self.inflated]
        lines += [f"  not in the file: {_shortened(self.missing)}"] if self.missing else []
        lines += [f"  not in the model: {_shortened(self.skipped)}"] if self.skipped else []
        lines += [f"  different shape: {_shortened([m[0] for m in self.mismatched])}"] if self.mismatched else []
        lines += [f"  excluded: {_shortened(self.excluded)}"] if self.excluded else []
        lines += [f"  to be excluded, but not found: {', '.join(self.unknown)}"] if self.unknown else []
        return "\n".join(lines)


def _shortened(names, most=6):
    layers = list(dict.fromkeys(n.split("/")[0] for n in names))
    return ", ".join(layers[:most]) + (f" and {len(layers) - most} more layers" if len(layers) > most else "")


# --- Writing ---
def layer_weights(model):
    """[(group, [(owning layer, kind, variable)])], each variable once, in the order of the model's layers."""
    found, seen = [], set()
    for layer in model.layers:
        own = [v for v in layer.weights if id(v) not in seen]
        seen.update(map(id, own))
        found += [(layer.name, *v.path.split("/")[-2:], v) for v in own]
        if not layer.weights:  # Keras also lists layers without weights
            found.append((layer.name, None, None, None))
    repeated, groups = Counter((owner, kind) for _, owner, kind, _ in found), {}
    for outer, owner, kind, variable in found:
        nested = owner is None or outer in GROUPED or repeated[owner, kind] > 1
        entries = groups.setdefault(outer if nested else owner, [])
        if owner is not None:
            entries.append((owner, kind, variable))
    return list(groups.items())


def save_weights(model, path, settings=None):
    """Write a model's weights in the legacy `.h5` layout, or raise `WeightsError` and leave no incomplete file.

    Parameters
    ----------
    model : keras.Model
    path : path
    settings : dict, optional
        JSON-ready values that belong to the weights, such as the geometry in which masks were taught (`stored_settings`
        of `mrcnn.weights.files`).
    """
    with written_whole(path) as file:
        write_weights(model, file)
        if settings:
            file.attrs[SETTINGS] = json.dumps(settings)


def write_weights(model, root):
    """Write a model's weights into an open HDF5 file or group."""
    groups = []
    for name, entries in layer_weights(model):
        repeated, arrays = Counter((owner, kind) for owner, kind, _ in entries), []
        for place, (owner, kind, variable) in enumerate(entries):
            # Layers with the same name within a block need different paths; reading uses their order.
            path = owner if repeated[owner, kind] == 1 else f"{place}/{owner}"
            arrays.append((path, kind, keras.ops.convert_to_numpy(variable)))
        groups.append((name, arrays))
    write_legacy_group(root, groups)


# --- Reading ---
def load_weights(model, path, by_name=False, exclude=(), at_least=1, image_channels=None):
    """Load weights into a model by layer name.

    Parameters
    ----------
    model : keras.Model
    path : path of a legacy `.h5`, one of our checkpoints, or an `.npz` with keys `layer/kind`
    by_name : bool
        False: every weight of the model must be in the file. True: weights that are not in the file keep their values.
    exclude : sequence of str
        Layers that are not loaded.
    at_least : int
        It is an error if fewer arrays than this are loaded.
    image_channels : int, optional
        If the first convolution in the file has a different number of input channels, its kernel is adapted to this
        number: every channel gets the mean over the file's channels, scaled so an image with equal channels gives the
        same response.

    Returns
    -------
    LoadReport

    Raises
    ------
    WeightsError
        The file cannot be read, too few arrays match the model, or shapes differ. The model is then unchanged.
    """
    report = LoadReport(str(path))
    exclude = {exclude} if isinstance(exclude, str) else set(exclude or ())
    with open_weights(path) as stored:
        plan = _match(model, stored, exclude, image_channels, report)
        _judge(report, by_name, at_least)
        values = [(variable, _fitted(array.read(), variable, array.name, path)) for variable, array in plan]
    for variable, value in values:
        variable.assign(value)
    # Keras uses copies of mean and variance that were made when the layer was built.
    for layer in nested_layers(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return report


def _keyed(entries):
    """Keys (group, owner, kind, index among equal names) that match arrays of the file with those of the model.

    `entries` are (group, owner, kind). Automatic names are renumbered by their order, so `conv2d_17` of a model matches
    `conv2d_3` of a file if both are the first of their kind.
    """
    order, repeated, keys = {}, Counter(), []

    def canonical(name):
        automatic = AUTOMATIC.fullmatch(name)
        if not automatic:
            return name
        own = order.setdefault(automatic[1], {})
        return f"{automatic[1]} {own.setdefault(name, len(own))}"

    for group, owner, kind in entries:
        group, owner, kind = canonical(group), canonical(owner), ALIASES.get(kind, kind)
        keys.append((group, owner, kind, repeated[group, owner, kind]))
        repeated[group, owner, kind] += 1
    return keys


def _owner_of(array, known):
    """The layer that a stored array belongs to. TensorFlow 1 numbered the weights of the second model in a session: the
    group `fpn_c5p5` then contains `fpn_c5p5_1/kernel`.
    """
    plain = re.sub(r"_\d+$", "", array.layer)
    numbered = array.layer not in known and plain in known and not AUTOMATIC.fullmatch(array.layer)
    return plain if numbered and (plain == array.group or array.group in GROUPED) else array.layer


def _match(model, stored, exclude, image_channels, report):
    """Pairs of a model variable and the stored array for it; fills `report`."""
    wanted = [(group, *entry) for group, entries in layer_weights(model) for entry in entries]
    known = {owner for _, owner, _, _ in wanted}
    in_group = dict(zip(_keyed([(a.group, _owner_of(a, known), a.kind) for a in stored]), stored))
    anywhere = {}
    for (_, *key), array in in_group.items():
        anywhere.setdefault(tuple(key), []).append(array)
    plan, used = [], set()
    for (group, owner, kind, variable), key in zip(wanted, _keyed([w[:3] for w in wanted])):
        name, shape = f"{owner}/{kind}", tuple(variable.shape)
        alike = anywhere.get(key[1:], [])
        array = in_group.get(key) or (alike[0] if len(alike) == 1 else None)
        used.add(id(array))
        if owner in exclude or group in exclude:
            report.excluded.append(name)
        elif array is None:
            report.missing.append(name)
        elif array.shape != shape and not _inflatable(kind, array.shape, shape, image_channels):
            report.mismatched.append((name, array.shape, shape))
        else:
            report.loaded.append(name)
            if array.shape != shape:
                report.inflated.append(name)
            plan.append((variable, array))
    report.skipped += [a.name for a in stored if id(a) not in used]
    known = {layer.name for layer in model.layers} | {w[1] for w in wanted}
    known |= {a.group for a in stored} | {a.layer for a in stored}
    report.unknown += sorted(exclude - known)
    return plan


def _inflatable(kind, stored, wanted, image_channels):
    """Whether these are shapes of the first convolution, or of an image normalisation, that differ in channels only."""
    if image_channels is None or len(stored) != len(wanted):
        return False
    if kind == "kernel" and len(wanted) == 4:
        same = stored[:2] == wanted[:2] and stored[3] == wanted[3]
        return wanted[2] == image_channels and same and 0 < stored[2] <= MOST_CHANNELS
    return (kind in ("mean", "variance") and len(wanted) == 1 and wanted[0] == image_channels
            and 0 < stored[0] <= MOST_CHANNELS)  # fmt: skip


def _fitted(value, variable, name, path):
    shape = tuple(variable.shape)
    if value.shape != shape:
        axis, channels = (2, shape[2]) if len(shape) == 4 else (0, shape[0])
        mean = value.mean(axis=axis, keepdims=True)
        # Kernels are scaled to keep the sum over channels; mean and variance of a channel are not scaled.
        value = np.repeat(mean * (value.shape[2] / channels) if axis == 2 else mean, channels, axis=axis)
    value = value.astype(variable.dtype if variable.dtype != "bfloat16" else "float32", copy=False)
    if not np.isfinite(value).all():
        raise WeightsError(
            f"{path}: '{name}' contains NaN or infinite values, so the training that wrote the file has failed. "
            "Nothing was loaded. Use an earlier checkpoint."
        )
    return value


def _judge(report, by_name, at_least):
    if report.mismatched:
        lines = [
            f"  {name}: {stored} in the file, {wanted} in the model" for name, stored, wanted in report.mismatched[:8]
        ]
        layers = list(dict.fromkeys(name.split("/")[0] for name, _, _ in report.mismatched))
        raise WeightsError(
            f"{report.path}: {len(report.mismatched)} arrays have a different shape than in the model:\n"
            + "\n".join(lines)
            + f"\nNothing was loaded. If the number of classes differs, exclude these layers: exclude={layers[:6]}; "
            "otherwise the file belongs to a different architecture or configuration."
        )
    if len(report.loaded) < max(1, at_least):
        raise WeightsError(
            f"{report.path}: only {len(report.loaded)} arrays fit the model, but at least {max(1, at_least)} are "
            f"required. Nothing was loaded. The file contains other layers ({_shortened(report.skipped) or 'none'}). "
            "Does it belong to a different architecture?"
        )
    if not by_name and report.missing:
        raise WeightsError(
            f"{report.path}: {len(report.missing)} arrays of the model are not in the file "
            f"({_shortened(report.missing)}). Nothing was loaded. Use by_name=True to load only the arrays that are in "
            "the file."
        )
