"""Which layers train: Matterport's stage names, layer names and regular expressions."""

import re

from mrcnn.errors import ConfigError

HEADS = r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)"
STAGES = {
    "heads": HEADS,
    "3+": r"(res3.*)|(bn3.*)|(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|" + HEADS,
    "4+": r"(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|" + HEADS,
    "5+": r"(res5.*)|(bn5.*)|" + HEADS,
    "all": ".*",
}


def weighted_layers(model):
    """[(name of the model's own layer, layer that owns weights)], nested layers opened up, each once."""
    seen, found = set(), []
    for outer in model.layers:
        for layer in outer._flatten_layers(include_self=True, recursive=True):
            owns = layer._trainable_variables or layer._non_trainable_variables
            if owns and layer.weights and id(layer) not in seen:
                seen.add(id(layer))
                found.append((outer.name, layer))
    return found


def _application_stage(model):
    """Stage (2..5) of each layer of a nested `keras.applications` backbone, by name; empty for other backbones."""
    backbone = next((layer for layer in model.layers if layer.name == "backbone"), None)
    if backbone is None:
        return {}
    ends = [tensor._keras_history.operation.name for tensor in backbone.outputs]
    stage, stages = 2, {}
    for layer in backbone.layers:
        stages[layer.name] = stage
        if layer.name in ends:
            stage = ends.index(layer.name) + 3
    return stages


def select_layers(model, layers):
    """The layers that `layers` names.

    Parameters
    ----------
    model : keras.Model
    layers : str
        A stage (heads, 3+, 4+, 5+, all), a regular expression that has to match a layer's whole name, or several of
        these and of layer names joined by "+".

    Returns
    -------
    list of layers

    Raises
    ------
    ConfigError
        Nothing matches: nothing would be trained.
    """
    candidates, stages = weighted_layers(model), _application_stage(model)

    def matching(part):
        pattern = re.compile(STAGES.get(part, part))
        first_stage = int(part[0]) if part in ("3+", "4+", "5+") else None
        return [
            layer
            for outer, layer in candidates
            if pattern.fullmatch(layer.name)
            or (outer != "backbone" and pattern.fullmatch(outer))
            or (outer == "backbone" and first_stage and stages.get(layer.name, 0) >= first_stage)
        ]

    try:
        found = matching(layers)
        if not found and "+" in layers:
            parts = re.findall(r"[345]\+|[^+]+", layers)
            found = [layer for part in parts for layer in matching(part)]
            unmatched = [part for part in parts if not matching(part)]
            if unmatched:
                found = []
    except re.error as error:
        raise ConfigError(f"layers={layers!r} is no regular expression ({error}).") from error
    if not found:
        names = ", ".join(dict.fromkeys(outer for outer, _ in candidates[-12:]))
        raise ConfigError(
            f"layers={layers!r} matches no layer with weights, so nothing would be trained. Use heads, 3+, 4+, "
            "5+, all, "
            f"a layer's name or a regular expression of whole names, for example {names}."
        )
    return found


def set_trainable(model, layers, always=()):
    """Make the layers that `layers` names trainable, and no others.

    Parameters
    ----------
    always : sequence of str
        Names of layers that are trained in every stage, because their weights were not loaded.

    Returns
    -------
    list of str
        Names of the trainable layers.
    """
    chosen = {id(layer) for layer in select_layers(model, layers)}
    for outer in model.layers:
        outer.trainable = True
    names = []
    for _, layer in weighted_layers(model):
        layer.trainable = id(layer) in chosen or layer.name in always
        if layer.trainable:
            names.append(layer.name)
    return names
