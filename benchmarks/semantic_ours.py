"""Time of the U-Net per training step, prediction or prepared batch in seconds; prints one JSON line.

    python benchmarks/semantic_ours.py --what train|predict|prepare [--encoder mobilenet_v2] [--steps 8]

Batches of 8 crops of 256 x 256 pixels and 3 channels, float32, random weights; decoder widths, loss and
optimizer are those of `SemanticConfig`. `prepare` measures the work of training outside the network: random crops of
in-memory images of 768 x 768 pixels, augmented according to `--augmentation`.
"""

import argparse

import numpy as np
from ours import LEARNING_RATE, Discs
from timing import report, timed

from mrcnn.config import SemanticConfig
from mrcnn.data.augment import micrograph_augmentation

PICTURE_SIDE = 768


def main():
    """Run the requested measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=["train", "predict", "prepare"], default="train")
    parser.add_argument("--encoder", default="mobilenet_v2", help="any model name of keras.applications")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--objects", type=int, default=12)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--augmentation", choices=["none", "light", "normal", "strong"], default="normal")
    arguments = parser.parse_args()
    config = SemanticConfig(
        NAME="benchmark",
        NUM_CLASSES=2,
        BACKBONE=arguments.encoder,
        PRECISION="float32",
        SEMANTIC_CROP=arguments.size,
        IMAGES_PER_GPU=arguments.batch,
    )
    from mrcnn.training.crop_batches import CropBatches

    side = PICTURE_SIDE if arguments.what == "prepare" else arguments.size
    pictures, extra = Discs(side, arguments.objects, arguments.batch), {}
    if arguments.what == "prepare":
        name = arguments.augmentation
        augmentation = None if name == "none" else micrograph_augmentation(name)
        batches = CropBatches(pictures, config, 1, True, augmentation)
        steps = iter(range(arguments.steps + 2))
        times = timed(lambda: batches.arrays_of(0, next(steps)), arguments.steps)
        extra["augmentation"] = name
    elif arguments.what == "train":
        from mrcnn.nets.semantic.training_model import semantic_model
        from mrcnn.training.optimizers import compile_model

        images, labels = CropBatches(pictures, config, 1).arrays_of(0, 0)
        model = semantic_model(config)
        compile_model(model, config, LEARNING_RATE)
        times = timed(lambda: model.train_on_batch(images, labels), arguments.steps)
        extra["parameters"] = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    else:
        from mrcnn.engine.segmenter import SemanticSegmenter

        segmenter = SemanticSegmenter("inference", config, "logs")
        tiles = np.stack([pictures.load_image(i) for i in pictures.image_ids])
        # An image of all tiles side by side: predicted like images of any size, but without overlap.
        picture = tiles.reshape(-1, *tiles.shape[2:])
        times = timed(lambda: segmenter.predict_probability(picture, overlap=0), arguments.steps)
    report("mrcnn", arguments.what, times, **extra)


if __name__ == "__main__":
    main()
