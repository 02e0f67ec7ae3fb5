"""Select the layers to train: Matterport's stage names, layer names and regular expressions."""

import re

from mrcnn.errors import ConfigError
from mrcnn.keras_private import nested_layers, own_weights
from mrcnn.nets.batch_norm import ConvNorm

HEADS = r"(mrcnn\_.*)|(rpn\_.*)|(fpn\_.*)|(decoder\_.*)"
_RESNET = {stage: "|".join(rf"(res{n}.*)|(bn{n}.*)" for n in range(int(stage[0]), 6)) for stage in ("3+", "4+", "5+")}
STAGES = {"heads": HEADS, **{stage: f"{layers}|{HEADS}" for stage, layers in _RESNET.items()}, "all": ".*"}


def weighted_layers(model):
    """[(name of the model's own layer, layer that owns weights)], including nested layers, each once."""
    # A convolution and its batch norm are selected separately, by their own names.
    seen, found = set(), []
    for outer in model.layers:
        for layer in nested_layers(outer):
            if own_weights(layer) and id(layer) not in seen:
                seen.add(id(layer))
                found.append((layer.name if isinstance(outer, ConvNorm) else outer.name, layer))
    return found


def _application_stages(model):
    """Stage (1 or 2 to 5) of each layer in a nested `keras.applications` backbone, by name; empty for other ones."""
    backbone = next((layer for layer in model.layers if layer.name == "backbone"), None)
    if backbone is None:
        return {}
    ends = backbone.network.output_names  # of the layers that return the outputs
    stage = first = 6 - len(ends)  # a feature pyramid starts from the second stage, a semantic decoder from the first
    stages = {}
    for layer in backbone.network.layers:
        stages[layer.name] = stage
        if layer.name in ends:
            stage = first + ends.index(layer.name) + 1
    return stages


def select_layers(model, layers):
    """The layers that `layers` selects.

    Parameters
    ----------
    model : keras.Model
    layers : str
        A stage (heads, 3+, 4+, 5+, all), a regular expression that must match the whole name of a layer, or several
        stages, expressions or layer names joined by "+".

    Returns
    -------
    list of layers

    Raises
    ------
    ConfigError
        No layer matches, or a part of `layers` matches none, so it would not be trained.
    """
    if not isinstance(layers, str):
        raise ConfigError(f"layers must be a string such as 'heads' or 'all', not {layers!r}.")
    candidates, stages = weighted_layers(model), _application_stages(model)
    try:
        found = _matching(candidates, stages, layers)
        if not found and "+" in layers:
            for part in re.findall(r"[345]\+|[^+]+", layers):
                more = _matching(candidates, stages, part)
                if not more:
                    raise _nothing_matches(part, candidates)
                found += more
    except re.error as error:
        raise ConfigError(f"layers={layers!r} is not a valid regular expression ({error}).") from error
    if not found:
        raise _nothing_matches(layers, candidates)
    return list({id(layer): layer for layer in found}.values())


def _matching(candidates, stages, part):
    pattern = re.compile(STAGES.get(part, part))
    found = [layer for outer, layer in candidates if pattern.fullmatch(layer.name) or pattern.fullmatch(outer)]
    if part not in _RESNET:
        return found
    own = re.compile(_RESNET[part])
    deep = [layer for outer, layer in candidates if outer == "backbone" and stages.get(layer.name, 0) >= int(part[0])]
    if not deep and not any(own.fullmatch(layer.name) for _, layer in candidates):
        raise ConfigError(
            f"layers={part!r}: the stages of this backbone have no known names. Use heads, all, or select the layers "
            "with a regular expression."
        )
    return found + deep


def _nothing_matches(layers, candidates):
    names = ", ".join(dict.fromkeys(outer for outer, _ in candidates[-12:]))
    return ConfigError(
        f"layers={layers!r} matches no layer with weights, so nothing would be trained. Use heads, 3+, 4+, 5+, all, "
        f"the name of a layer, or a regular expression that matches whole names. Layers are, for example, {names}."
    )


def set_trainable(model, layers, always=()):
    """Make the layers that `layers` selects trainable, and no others.

    Parameters
    ----------
    always : sequence of str
        Names of layers that are trained in every stage, because their weights were not loaded.

    Returns
    -------
    list of str
        Names of the trainable layers, in the order of the model.
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
