"""The only place that uses private attributes of Keras.

Private attributes can change in any release of Keras. tests/test_keras_private.py names the versions of Keras that
these functions were verified for, checks each function, and checks that no other module uses such an attribute.
"""

# Methods of our classes that override undocumented hooks of Keras. A hook must be defined on the subclass, so no
# function here can replace it: (our class, class of Keras, method, reason).
OVERRIDDEN = (
    (
        "mrcnn.legacy.inspection.LayerOutput",
        "keras.KerasTensor",
        "__tf_tensor__",
        "TensorFlow calls it to convert a Keras tensor. Keras raises an error here; a Matterport notebook calls "
        "tf.identity on the output of a layer.",
    ),
)


# --- Layers ---
def nested_layers(layer):
    """A layer or model itself, then all layers inside it at any depth, each once.

    `Model.layers` stops at the first level, and a plain layer has no public list of the layers that it holds.
    Uses `Layer._flatten_layers`.
    """
    return layer._flatten_layers(include_self=True, recursive=True)


def own_weights(layer):
    """The weights of a layer without the weights of the layers inside it.

    `Layer.weights` includes the weights of the layers inside it. Uses `nested_layers`.
    """
    nested = {id(weight) for inner in nested_layers(layer)[1:] for weight in inner.weights}
    return [weight for weight in layer.weights if id(weight) not in nested]


# --- The graph of a functional model ---
def producer(tensor):
    """The layer or operation whose call returned this Keras tensor.

    Keras has no public way from a tensor back to its layer. Uses `KerasTensor._keras_history`.
    """
    return tensor._keras_history.operation


def producer_inputs(tensor):
    """The Keras tensors that were passed to the call that returned this Keras tensor.

    `Layer.input` knows only the first call, and a layer can be called several times. Uses `KerasTensor._keras_history`
    and `Operation._inbound_nodes`.
    """
    operation, node, _ = tensor._keras_history
    return operation._inbound_nodes[node].input_tensors


def outputs_of_all_calls(layer):
    """All Keras tensors that a layer returned, call by call.

    `Layer.output` knows only the first call. Uses `Operation._inbound_nodes`.
    """
    return [tensor for node in layer._inbound_nodes for tensor in node.output_tensors]


# --- Variables and optimizers ---
def rename_variable(variable, name):
    """Change the name of a variable; its path stays the same.

    `Variable.name` is read-only. Uses `Variable._name`.
    """
    variable._name = name


def optimized_variables(optimizer):
    """The variables that an optimizer was built for, in the order of the gradients that `apply` takes.

    `Optimizer.apply` may be called without them (JAX), and `Optimizer.variables` has only the optimizer's own state.
    Uses `Optimizer._trainable_variables`.
    """
    return optimizer._trainable_variables


def sgd_momentum(optimizer, variable):
    """The accumulator that an SGD optimizer with momentum keeps for one variable.

    `Optimizer.variables` does not show which variable a state belongs to. Uses `SGD.momentums`, which is not
    documented for users, and `Optimizer._get_variable_index`.
    """
    return optimizer.momentums[optimizer._get_variable_index(variable)]


def adam_moments(optimizer, variable):
    """The first and the second moment that an Adam optimizer keeps for one variable.

    `Optimizer.variables` does not show which variable a state belongs to. Uses `Adam._momentums`, `Adam._velocities`
    and `Optimizer._get_variable_index`.
    """
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index], optimizer._velocities[index]
