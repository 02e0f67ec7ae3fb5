"""Time per training step, detection or prepared batch of this package in seconds; prints one JSON line.

    python benchmarks/ours.py --what train|detect|prepare [--model mask|faster] [--size 512] [--batch 1] [--steps 8]
                              [--rpn-width 256]

Mask R-CNN, or Faster R-CNN, which has no masks; resnet50, 2 classes, 200 regions, 12 objects, random weights; detection
keeps up to 100 objects. All layer widths are Matterport's, except for the RPN: 512 in Matterport's code, 256 in
torchvision. The cost of a Mask R-CNN training step depends on the number of regions that hit an object, because only
these have a mask. This number is `positives` in the output; compare it with that of torchvision.
"""

import argparse

import numpy as np
from scene import discs
from timing import report, timed

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.geometry.instances import Instances

# Too small to change the network, because the cost of a step grows with the number of regions that hit an object.
LEARNING_RATE = 1e-7


class BenchmarkConfig(Config):
    """Matterport's defaults at the benchmark size."""

    NAME = "benchmark"
    BACKBONE = "resnet50"
    NUM_CLASSES = 2
    IMAGES_PER_GPU = 1
    DETECTION_MIN_CONFIDENCE = 0.0
    # 12 of the 200 regions hit an object, as with torchvision and most other seeds; with seed 0 and an RPN of 256, 32.
    SEED = 1


class Discs(Dataset):
    """Images of bright discs, kept in memory."""

    def __init__(self, size, objects, count):
        super().__init__()
        self.add_class("discs", 1, "disc")
        self.scenes = [discs(size, objects, seed) for seed in range(count)]
        for i in range(count):
            self.add_image("discs", i, None)
        self.prepare()

    def load_image(self, image_id):
        return (self.scenes[image_id][0] * 255).astype(np.uint8)

    def load_instances(self, image_id):
        return Instances.from_masks(np.moveaxis(self.scenes[image_id][1], 0, -1))


def main():
    """Run the requested measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", choices=["train", "detect", "prepare"], default="train")
    parser.add_argument("--model", choices=["mask", "faster"], default="mask")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--objects", type=int, default=12)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--precision", choices=["float32", "mixed_bfloat16"], default="float32")
    parser.add_argument("--rpn-width", type=int, default=256)
    arguments = parser.parse_args()
    size = arguments.size
    config = BenchmarkConfig(
        IMAGE_MIN_DIM=size,
        IMAGE_MAX_DIM=size,
        IMAGES_PER_GPU=arguments.batch,
        PRECISION=arguments.precision,
        RPN_CONV_SIZE=arguments.rpn_width,
        USE_MASK_HEAD=arguments.model == "mask",
    )
    dataset = Discs(size, arguments.objects, arguments.batch)
    extra = {"model": arguments.model}
    from mrcnn.training.batches import SampleBatches

    batches = SampleBatches(dataset, config, steps=1)
    if arguments.what == "prepare":
        times = timed(lambda: batches[0], arguments.steps)
    elif arguments.what == "train":
        from mrcnn.nets.mask_rcnn import MaskRCNNGraph
        from mrcnn.training.optimizers import compile_model

        model = MaskRCNNGraph(config, config.PRECISION).training_model()
        compile_model(model, config, LEARNING_RATE)
        inputs = batches[0][0]
        times = timed(lambda: model.train_on_batch(inputs), arguments.steps)
        extra["positives"] = int((np.asarray(model(inputs)["target_class_ids"]) > 0).sum())
    else:
        from mrcnn.engine.mask_rcnn import MaskRCNN

        detector = MaskRCNN("inference", config, "logs")
        images = [dataset.load_image(i) for i in range(arguments.batch)]
        times = timed(lambda: detector.predict(images), arguments.steps)
        extra["detections"] = [len(found) for found in detector.predict(images)]
    report("mrcnn", arguments.what, times, **extra)


if __name__ == "__main__":
    main()
