"""Private attributes of Keras: only `mrcnn.keras_private` uses them, and they still do what it expects."""

import ast
import importlib.util
import os
import re
import tomllib
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn import keras_private

pytestmark = pytest.mark.fast

# The lowest and the newest minor version of Keras that this file passed with. Before you raise the newest one, run this
# file and the tests of layers, nets, training, weights and model with that version.
KERAS_VERSIONS = ("3.10", "3.15")
ROOT = Path(__file__).resolve().parents[1]
MODULE = ROOT / "mrcnn" / "keras_private.py"
SCANNED = sorted(p for folder in ("mrcnn", "samples") for p in (ROOT / folder).rglob("*.py") if p != MODULE)
# Not documented either, although these names have no underscore.
UNDOCUMENTED = {"jax_state_sync", "momentums", "predict_function", "src", "test_function", "train_function"}
ACCESSORS = {"getattr", "setattr", "hasattr", "delattr"}


# --- Versions ---
def minor(version):
    """(3, 16) from "3.16.0rc1"."""
    return tuple(int(number) for number in version.split(".")[:2])


def complaint(installed, preview):
    """Why this version of Keras does not pass, or None. `preview` is the value of MRCNN_KERAS_PREVIEW."""
    if preview or minor(installed) <= minor(KERAS_VERSIONS[1]):
        return None
    return (
        f"mrcnn/keras_private.py is verified up to Keras {KERAS_VERSIONS[1]}; Keras {installed} is installed. If the "
        f"other tests pass with it, raise KERAS_VERSIONS in tests/{Path(__file__).name}; otherwise adapt that module."
    )


def test_the_installed_keras_is_verified():
    """Skipped with a newer Keras, not failed: the tests below and those of the networks show whether it works."""
    if found := complaint(keras.__version__, os.environ.get("MRCNN_KERAS_PREVIEW")):
        pytest.skip(found)


def test_a_newer_minor_version_is_named_with_the_module():
    assert "mrcnn/keras_private.py" in complaint("3.99.0rc0", None)
    assert complaint("3.99.0rc0", "1") is None
    assert complaint(f"{KERAS_VERSIONS[1]}.9", None) is None


def test_the_lowest_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (bound,) = (re.match(r"keras>=([\d.]+)$", d) for d in project["dependencies"] if d.startswith("keras"))
    assert minor(bound[1]) == minor(KERAS_VERSIONS[0])


# --- What the functions do ---
class Scaled(keras.layers.Layer):
    """A dense layer, held twice, times a weight of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2, name="dense")
        self.again = [self.dense]

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        self.dense.build(input_shape)

    def call(self, inputs):
        return self.dense(inputs) * self.scale


@pytest.fixture
def parts():
    """A model that calls `shared` twice, then a `Scaled` layer, and its tensors."""
    shared, scaled = keras.layers.Dense(3, name="shared"), Scaled(name="scaled")
    image = keras.Input((3,), name="image")
    once = shared(image)
    twice = shared(once)
    return keras.Model(image, [once, scaled(twice)]), image, once, twice


def test_nested_layers_are_the_layer_itself_and_each_layer_inside_once(parts):
    model = parts[0]
    found = keras_private.nested_layers(model)
    assert found[0] is model
    assert sorted(layer.name for layer in found[1:]) == ["dense", "image", "scaled", "shared"]
    assert keras_private.nested_layers(model.get_layer("shared")) == [model.get_layer("shared")]


def test_own_weights_leave_out_those_of_layers_inside(parts):
    def own(layer):
        return [weight.name for weight in keras_private.own_weights(layer)]

    model = parts[0]
    scaled = model.get_layer("scaled")
    assert own(model) == [] and own(model.get_layer("image")) == []
    assert own(scaled) == ["scale"] and len(scaled.weights) == 3
    assert own(scaled.dense) == ["kernel", "bias"]
    assert len(keras_private.own_weights(keras.layers.BatchNormalization())) == 0


def test_producer_and_its_inputs_are_those_of_the_right_call(parts):
    model, image, once, twice = parts
    shared = model.get_layer("shared")
    assert keras_private.producer(once) is shared and keras_private.producer(twice) is shared
    assert keras_private.producer(model.outputs[1]) is model.get_layer("scaled")
    assert [id(t) for t in keras_private.producer_inputs(once)] == [id(image)]
    assert [id(t) for t in keras_private.producer_inputs(twice)] == [id(once)]
    assert keras_private.producer(image).name == "image" and list(keras_private.producer_inputs(image)) == []


def test_outputs_of_all_calls(parts):
    model, _, once, twice = parts
    assert [id(t) for t in keras_private.outputs_of_all_calls(model.get_layer("shared"))] == [id(once), id(twice)]
    assert keras_private.outputs_of_all_calls(keras.layers.Dense(1)) == []


def test_a_renamed_variable_keeps_its_path(parts):
    kernel = parts[0].get_layer("shared").kernel
    keras_private.rename_variable(kernel, "shared/kernel:0")
    assert kernel.name == "shared/kernel:0" and kernel.path == "shared/kernel"


def stepped(optimizer):
    """Two variables, and the gradients of one step of the optimizer on them."""
    variables = [keras.Variable(np.zeros(2, "float32"), name=name) for name in ("a", "b")]
    gradients = [keras.ops.convert_to_tensor(np.full(2, value, "float32")) for value in (1.0, 3.0)]
    optimizer.build(variables)
    optimizer.apply(gradients)
    return variables


def test_optimized_variables_are_in_the_order_of_the_gradients():
    optimizer = keras.optimizers.SGD(0.5)
    variables = stepped(optimizer)
    assert [id(v) for v in keras_private.optimized_variables(optimizer)] == [id(v) for v in variables]


def test_momentum_and_moments_are_those_of_the_variable():
    optimizer = keras.optimizers.SGD(0.5, momentum=0.9)
    for variable, gradient in zip(stepped(optimizer), (1.0, 3.0)):
        momentum = keras_private.sgd_momentum(optimizer, variable)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(momentum), -0.5 * gradient, rtol=1e-5)
    optimizer = keras.optimizers.Adam(0.5, beta_1=0.9, beta_2=0.99)
    for variable, gradient in zip(stepped(optimizer), (1.0, 3.0)):
        first, second = keras_private.adam_moments(optimizer, variable)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(first), 0.1 * gradient, rtol=1e-5)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(second), 0.01 * gradient**2, rtol=1e-4)


# --- Public names that replace private ones ---
def test_output_names_are_the_layers_that_return_the_outputs(parts):
    assert list(parts[0].output_names) == ["shared", "scaled"]


def test_a_layer_that_was_not_called_has_no_output(parts):
    assert hasattr(parts[0].get_layer("shared"), "output")
    assert not hasattr(keras.layers.Dense(1), "output")


def test_a_compiled_model_has_one_metric_named_loss(parts):
    parts[0].compile("sgd", loss=["mse", "mse"])
    assert [metric.name for metric in parts[0].metrics].count("loss") == 1


def test_a_callback_sees_the_weights_of_each_step():
    """Under JAX Keras copies them to the variables when a callback asks for its model."""

    class Weights(keras.callbacks.Callback):
        seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(float(keras.ops.convert_to_numpy(self.model.weights[0])[0, 0]))

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.1), loss="mse")
    model.fit(np.ones((3, 1)), np.zeros((3, 1)), batch_size=1, callbacks=[Weights()], verbose=0)
    assert len({1.0, *Weights.seen}) == 4


# --- Hooks ---
def attribute_at(path):
    """What a dotted path names: of a module, or public in Keras."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("entry", keras_private.OVERRIDDEN, ids=lambda entry: entry[0])
def test_keras_still_has_the_hooks_that_are_overridden(entry):
    ours, of_keras, method, reason = attribute_at(entry[0]), attribute_at(entry[1]), *entry[2:]
    assert issubclass(ours, of_keras) and method in vars(ours) and reason
    assert hasattr(of_keras, method), f"{entry[1]} has no {method} any more: see OVERRIDDEN in mrcnn/keras_private.py."


# --- Nobody else uses private attributes ---
@cache
def private_names():
    """Names of private methods and attributes in the source of the installed Keras, and those of `UNDOCUMENTED`."""
    folder, names = Path(importlib.util.find_spec("keras").submodule_search_locations[0]) / "src", set(UNDOCUMENTED)
    for path in folder.rglob("*.py"):
        if path.name.endswith("_test.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
            elif isinstance(node, ast.ClassDef):
                names |= members(node)
    return {name for name in names if name in UNDOCUMENTED or re.match(r"_(?!_)", name)}


def members(node):
    """Names that the body of a class defines."""
    names = set()
    for part in node.body:
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(part.name)
        elif isinstance(part, (ast.Assign, ast.AnnAssign)):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def keras_classes(trees):
    """Names of the classes that inherit from Keras, and of their other bases (mixins)."""
    bases, found = {}, set()
    for tree in trees:
        imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
        roots = {
            (alias.asname or alias.name).partition(".")[0]
            for node in imports
            for alias in node.names
            if (node.module if isinstance(node, ast.ImportFrom) and node.module else alias.name).split(".")[0]
            == "keras"
        }
        for node in (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)):
            names = [ast.unparse(base) for base in node.bases]
            bases.setdefault(node.name, set()).update(name.rpartition(".")[2] for name in names)
            if any(name.partition(".")[0] in roots for name in names):
                found.add(node.name)
    while True:
        more = {name for name, own in bases.items() if own & found}
        more |= {base for name in found for base in bases[name] if base in bases}
        if more <= found:
            return found
        found |= more


def uses(tree, of_keras):
    """(line, name) of each private name of Keras that a module uses or defines. `of_keras`: see `keras_classes`."""
    found, private = [], private_names()

    def look(node, inside):
        if isinstance(node, ast.ClassDef):
            inside = node.name in of_keras
            found.extend((node.lineno, name) for name in members(node) & private if inside)
        name, owner = accessed(node)
        if name in private and (inside or not (isinstance(owner, ast.Name) and owner.id in ("self", "cls"))):
            found.append((node.lineno, name))
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [f"{getattr(node, 'module', None) or ''}.{alias.name}".strip(".") for alias in node.names]
            found.extend((node.lineno, m) for m in modules if re.match(r"keras\.(src|_)", m))
        for child in ast.iter_child_nodes(node):
            look(child, inside)

    look(tree, False)
    return found


def accessed(node):
    """(name, owner) of an attribute, also by `getattr` and the like."""
    if isinstance(node, ast.Attribute):
        return node.attr, node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ACCESSORS:
        owner, name = node.args[:2]
        return (name.value if isinstance(name, ast.Constant) else None), owner
    return None, None


def test_no_other_module_uses_a_private_name_of_keras():
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SCANNED}
    of_keras = keras_classes(trees.values())
    assert {"DecayAndClip", "DecayedSGD", "OldMethods", "ConvNorm", "TrainingModel"} <= of_keras
    assert "MaskRCNNGraph" not in of_keras
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}" for path, t in trees.items() for line, name in uses(t, of_keras)
    ]
    assert found == [], "Use or add a function of mrcnn/keras_private.py; if the name is your own, rename it."


def test_each_function_names_the_private_attributes_that_it_uses():
    functions = [n for n in ast.parse(MODULE.read_text(encoding="utf-8")).body if isinstance(n, ast.FunctionDef)]
    found = {function.name: {name for _, name in uses(function, set())} for function in functions}
    assert {"_flatten_layers", "_keras_history", "_inbound_nodes", "_velocities"} <= set().union(*found.values())
    for function in functions:
        text = ast.get_docstring(function)
        assert "Uses `" in text and all(f".{name}`" in text for name in found[function.name]), function.name


MIXIN = "import keras\nclass Mixin:\n    def f(self):\n        {}\nclass Own(Mixin, keras.layers.Layer): pass"


@pytest.mark.parametrize(
    "source",
    [
        "names = [t._keras_history for t in tensors]",
        "for layer in model._flatten_layers(): pass",
        "variable._name = 'kernel:0'",
        "loss = getattr(model, '_loss_tracker', None)",
        "def save(model):\n    model.jax_state_sync()",
        "from keras.src import backend",
        "import keras.src.backend as backend",
        "from keras import src",
        "from keras._tf_keras import keras",
        "keras.src.backend.f()",
        MIXIN.format("return self._trainable_variables"),
        MIXIN.format("return super()._flatten_layers()"),
        "import keras as k\nclass Own(k.layers.Layer):\n    def _flatten_layers(self): pass",
        "from keras.layers import Layer\nclass Own(Layer):\n    _path = None",
        "from keras import layers\nclass Base(layers.Layer): pass\nclass Own(Base):\n    def f(self): self._lock = 1",
    ],
)
def test_the_scan_finds_a_planted_use(source):
    tree = ast.parse(source)
    assert len(uses(tree, keras_classes([tree]))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "class Own:\n    def f(self):\n        self._lock = self._run()\n    def _run(self): pass",
        "import keras\nclass Own(keras.layers.Layer):\n    def f(self): return self._name_of_ours, self.__class__",
        "from keras import ops\nvalue = getattr(model, 'name')\nos._exit(1)",
    ],
)
def test_the_scan_allows_other_names(source):
    tree = ast.parse(source)
    assert uses(tree, keras_classes([tree])) == []
