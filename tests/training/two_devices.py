"""Train a tiny network on one device and, from the same weights on the same batches, on two that share each batch.

python two_devices.py FOLDER; prints one JSON object; run by test_devices.py.
"""

import json
import os
import sys
from pathlib import Path

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "nets"))

import keras  # noqa: E402

if keras.backend.backend() == "jax":
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
else:
    import tensorflow as tf

    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)

import tiny  # noqa: E402

from mrcnn.data.synthetic.shapes import ShapesDataset  # noqa: E402
from mrcnn.engine.mask_rcnn import MaskRCNN  # noqa: E402
from mrcnn.training.devices import devices_for  # noqa: E402


def config(count):
    """Sampling selects everything, because each TensorFlow device draws its own random numbers."""
    return tiny.config(
        NUM_CLASSES=4,
        GPU_COUNT=count,
        IMAGES_PER_GPU=4 // count,
        STEPS_PER_EPOCH=1,
        VALIDATE_EVERY=1,
        RPN_TRAIN_ANCHORS_PER_IMAGE=2046,
        TRAIN_ROIS_PER_IMAGE=100,
        WEIGHT_DECAY=0.1,
        GRADIENT_CLIP_NORM=1.0,
    )


def shapes(count, seed):
    dataset = ShapesDataset()
    dataset.load_shapes(count, 64, 64, seed)
    dataset.prepare()
    return dataset


def trained(folder, count):
    detector = MaskRCNN("training", config(count), folder)
    train, val = shapes(8, 0), shapes(4, 1)
    rows = detector.train(train, val, 0.05, 2, "all", verbose=0)
    weights = {w.path: float(keras.ops.max(keras.ops.abs(w))) for w in detector.keras_model.trainable_weights}
    boxes = detector.predict([val.load_image(0)])[0].boxes.tolist()
    again = MaskRCNN("inference", config(count), folder)  # on one device, in the same program
    again.load_weights(detector.find_last(), verbose=0)
    assert again.predict([val.load_image(0)])[0].boxes.tolist() == boxes
    return {"devices": detector.devices, "rows": rows, "weights": weights, "boxes": boxes}


if __name__ == "__main__":
    results = [trained(Path(sys.argv[1]) / str(count), count) for count in (1, 2)]
    print(json.dumps({"one": results[0], "two": results[1], "three": devices_for(config(3))}))
