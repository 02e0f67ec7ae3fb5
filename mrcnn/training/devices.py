"""Share every training batch among several GPUs, according to GPU_COUNT.

The computation does not depend on their number: targets, losses, weight decay and clipping are those of the whole
batch. TensorFlow has two exceptions: each device draws its own random numbers, so different anchors and regions are
sampled, and batch statistics, if TRAIN_BN enables them, are those of a device's part of the batch. JAX divides one
program, in which both are those of the whole batch.
"""

import contextlib

import keras

from mrcnn.errors import ConfigError


def devices_for(config):
    """Names of the devices that share a batch; an empty list if one device takes the whole batch, with a message if
    more were requested.

    Raises
    ------
    ConfigError
        BATCH_SIZE cannot be divided evenly.
    """
    wanted = int(config.GPU_COUNT)
    if wanted < 2:
        return []
    found = _all_devices()
    if len(found) < wanted:
        print(
            f"GPU_COUNT is {wanted}, but {keras.backend.backend()} finds {len(found)} device{'s'[: len(found) != 1]} "
            f"here: one device processes all {config.BATCH_SIZE} images of a batch."
        )
        return []
    if config.BATCH_SIZE % wanted:
        raise ConfigError(
            f"A batch of {config.BATCH_SIZE} images cannot be divided evenly among GPU_COUNT = {wanted} devices. Set "
            "IMAGES_PER_GPU and let BATCH_SIZE follow from it."
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
    """Context in which to build and train a model that these devices share."""
    if devices and keras.backend.backend() == "jax":
        return keras.distribution.DataParallel(devices=devices).scope()
    return contextlib.nullcontext()


def share_steps(model, devices):
    """Run the training steps of a `TrainingModel` on these devices, if the backend does not do so itself."""
    if not devices or keras.backend.backend() != "tensorflow":
        return
    whole = model.train_step

    def train_step(data):
        # Old code may fit on lists of the original's inputs, with losses as outputs: such batches are not divided.
        return _shared_step(model, devices, data[0]) if isinstance(data[0], dict) else whole(data)

    model.train_step = train_step


def _shared_step(model, devices, inputs):
    """`keras.Model.train_step`: each device runs forward and backward on its part; losses are of the whole batch."""
    import tensorflow as tf

    weights = model.trainable_weights
    parts = [dict(zip(inputs, split)) for split in zip(*(tf.split(v, len(devices)) for v in inputs.values()))]
    found, tapes = [], []
    for device, part in zip(devices, parts):
        with tf.device(device), tf.GradientTape() as tape:
            found.append(model(part, training=True))
        tapes.append(tape)
    joined = {name: tf.concat([outputs[name] for outputs in found], axis=0) for name in found[0]}
    learned = [name for name, value in joined.items() if value.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch([joined[name] for name in learned])
        loss = model.compute_loss(x=inputs, y_pred=joined, training=True)
        mean_loss = next(metric for metric in model.metrics if metric.name == "loss")
        mean_loss.update_state(loss, sample_weight=tf.shape(inputs["input_image"])[0])
    upstream = tape.gradient(loss, [joined[name] for name in learned])
    learned, upstream = zip(*((name, g) for name, g in zip(learned, upstream) if g is not None))
    shares = list(zip(*(tf.split(g, len(devices)) for g in upstream)))
    gradients = []
    for device, outputs, tape, share in zip(devices, found, tapes, shares):
        with tf.device(device):  # otherwise all backward passes would run on the first
            gradients.append(tape.gradient([outputs[name] for name in learned], weights, output_gradients=list(share)))
    model.optimizer.apply_gradients(zip(map(_sum, zip(*gradients)), weights))
    return model.compute_metrics(inputs, None, joined)


def _sum(gradients):
    """Sum of one weight's gradients over all devices; None if there are none."""
    arrived = [g for g in gradients if g is not None]
    return sum(arrived[1:], arrived[0]) if arrived else None
