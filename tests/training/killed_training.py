"""Train a tiny network in two stages, and kill this process (SIGKILL) at the given place; run by test_resume.py.

python killed_training.py FOLDER PLACE start|resume, where PLACE is none, boundary, step or writing.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "nets"))

import keras  # noqa: E402
import tiny  # noqa: E402

from mrcnn.data.augment import FlipLR, GaussianNoise, Rot90  # noqa: E402
from mrcnn.data.synthetic.shapes import ShapesDataset  # noqa: E402
from mrcnn.engine.mask_rcnn import MaskRCNN  # noqa: E402
from mrcnn.training import checkpoints  # noqa: E402

STEPS, STAGES = 4, ((0.02, 1, "heads"), (0.01, 3, "all"))


def shapes(count, seed):
    dataset = ShapesDataset()
    dataset.load_shapes(count, 64, 64, seed)
    dataset.prepare()
    return dataset


def config():
    return tiny.config(
        NUM_CLASSES=4,
        STEPS_PER_EPOCH=STEPS,
        SAVE_EVERY_STEPS=2,
        VALIDATE_EVERY=0,
        LEARNING_RATE_SCHEDULE="cosine",
        WARMUP_STEPS=2,
        KEEP_CHECKPOINTS=9,
    )


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


class KillAt(keras.callbacks.Callback):
    """Kills the process at a step of an epoch."""

    def __init__(self, epoch, step):
        super().__init__()
        self.place = epoch, step

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.place:
            kill()


def kill_while_writing(number):
    """Kill in the middle of writing the `number`-th checkpoint of this process."""
    write, count = checkpoints.write_weights, [0]

    def write_and_kill(model, root):
        write(model, root)
        count[0] += 1
        if count[0] == number:
            root.file.flush()
            kill()

    checkpoints.write_weights = write_and_kill


def run(folder, place="none", resume=False):
    """Train, or continue a training, to the end or until the kill; returns the detector."""
    keras.utils.set_random_seed(99)  # random numbers drawn elsewhere must not matter
    detector = MaskRCNN("training", config(), folder)
    if resume:
        assert detector.resume()
    callbacks = []
    if place == "boundary":  # the first stage's checkpoint is written, the second stage has not done a step
        callbacks = [KillAt(1, 0)]
    elif place == "step":  # of the second epoch, one step after a checkpoint within it
        callbacks = [KillAt(1, 3)]
    elif place == "writing":  # best.h5 of the second epoch; resumed within it, so nothing was written before
        kill_while_writing(1)
    augmentation = [FlipLR(), Rot90(), GaussianNoise()]
    train, validation = shapes(7, 0), shapes(3, 1)
    for learning_rate, epochs, layers in STAGES:
        detector.train(
            train, validation, learning_rate, epochs, layers, augmentation, custom_callbacks=callbacks, verbose=0
        )
    return detector


if __name__ == "__main__":
    if keras.backend.backend() == "jax":  # as in the tests: other optimizations give other bits
        import jax

        jax.config.update("jax_disable_most_optimizations", True)
    run(sys.argv[1], sys.argv[2], resume=sys.argv[3] == "resume")
