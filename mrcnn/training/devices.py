"""Several GPUs that share every training batch, as GPU_COUNT asks.

What is computed does not depend on their number: targets, losses, weight decay and clipping are those of the whole
batch. Two things do under TensorFlow: each device draws random numbers of its own, so that other anchors and regions
are sampled, and batch statistics, where TRAIN_BN asks for them, are those of a device's part. JAX divides one program,
in which both are the batch's.
"""

import contextlib

import keras

from mrcnn.errors import ConfigError


def devices_for(config):
    """Names of the devices that share a batch; an empty list where one device takes it whole, which is said if more
    were asked for.

    Raises
    ------
    ConfigError
        BATCH_SIZE cannot be shared evenly.
    """
    wanted = int(config.GPU_COUNT)
    if wanted < 2:
        return []
    found = _all_devices()
    if len(found) < wanted:
        print(
            f"GPU_COUNT is {wanted}, but {keras.backend.backend()} has {len(found)} device{'s'[: len(found) != 1]} "
            f"here: one takes all {config.BATCH_SIZE} images of a batch."
        )
        return []
    if config.BATCH_SIZE % wanted:
        raise ConfigError(
            f"A batch of {config.BATCH_SIZE} images cannot be shared by GPU_COUNT = {wanted} devices evenly. Set "
            "IMAGES_PER_GPU and leave BATCH_SIZE to follow from it."
        )
    return found[:wanted]


def _all_devices():
    backend = keras.backend.backend()
    if backend == "jax":
        return keras.distribution.list_devices()
    if backend == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return [device.name for device in found]
    return ["the only one"]


def sharing(devices):
    """Context in which a model that these devices share is built and trained."""
    if devices and keras.backend.backend() == "jax":
        return keras.distribution.DataParallel(devices=devices).scope()
    return contextlib.nullcontext()


def share_steps(model, devices):
    """Let the training steps of a `TrainingModel` run on these devices, where the backend does not see to it."""
    if not devices or keras.backend.backend() != "tensorflow":
        return
    whole = model.train_step

    def train_step(data):
        # Old code may fit on lists of the original's inputs, whose losses are outputs: those stay whole.
        return _shared_step(model, devices, data[0]) if isinstance(data[0], dict) else whole(data)

    model.train_step = train_step


def _shared_step(model, devices, inputs):
    """`keras.Model.train_step`: forward and backward on a part of the batch each, losses on all parts together."""
    import tensorflow as tf

    weights = model.trainable_weights
    parts = [dict(zip(inputs, split)) for split in zip(*(tf.split(v, len(devices)) for v in inputs.values()))]
    found, tapes = [], []
    for device, part in zip(devices, parts):
        with tf.device(device), tf.GradientTape() as tape:
            found.append(model(part, training=True))
        tapes.append(tape)
    joined = {name: tf.concat([outputs[name] for outputs in found], axis=0) for name in found[0]}
    learnt = [name for name, value in joined.items() if value.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch([joined[name] for name in learnt])
        loss = model._compute_loss(x=inputs, y_pred=joined, training=True)
        model._loss_tracker.update_state(loss, sample_weight=tf.shape(inputs["input_image"])[0])
    upstream = tape.gradient(loss, [joined[name] for name in learnt])
    learnt, upstream = zip(*((name, g) for name, g in zip(learnt, upstream) if g is not None))
    shares = list(zip(*(tf.split(g, len(devices)) for g in upstream)))
    gradients = []
    for device, outputs, tape, share in zip(devices, found, tapes, shares):
        with tf.device(device):  # else the backward passes would all run on the first
            gradients.append(tape.gradient([outputs[name] for name in learnt], weights, output_gradients=list(share)))
    model.optimizer.apply_gradients(zip(map(_sum, zip(*gradients)), weights))
    return model.compute_metrics(inputs, None, joined)


def _sum(gradients):
    """Of one weight on all devices; None where none arrives."""
    arrived = [g for g in gradients if g is not None]
    return sum(arrived[1:], arrived[0]) if arrived else None
