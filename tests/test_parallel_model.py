"""`ParallelModel`: the same results as the inner model, from parts of the batch, and its weight files."""

import keras
import numpy as np
import pytest

from mrcnn import model as modellib
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.errors import ConfigError
from mrcnn.parallel_model import ParallelModel
from mrcnn.training import devices


@pytest.fixture
def inner():
    """A model with two inputs, an output per row and one for the batch."""
    one, other = keras.Input((4,), name="one"), keras.Input((4,), name="other")
    x = keras.layers.Add()([keras.layers.Dense(3, name="dense")(one), keras.layers.Dense(3, name="second")(other)])
    return keras.Model([one, other], [x, keras.ops.mean(x)])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_parts_together_are_the_whole(inner, count):
    values = [np.random.default_rng(i).normal(size=(6, 4)).astype(np.float32) for i in range(2)]
    parallel = ParallelModel(inner, count)
    for one, other in zip(parallel(values), inner(values)):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert parallel.gpu_count == count and parallel.inner_model is inner
    assert [t.shape for t in parallel.make_parallel()] == [(None, 3), ()] == [t.shape for t in parallel.outputs]


def test_files_are_those_of_the_model_inside(inner, tmp_path):
    parallel, path = ParallelModel(inner, 2), tmp_path / "parallel.weights.h5"
    parallel.save_weights(path)
    kernel = inner.get_layer("dense").get_weights()[0]
    inner.get_layer("dense").set_weights([np.zeros((4, 3)), np.zeros(3)])
    parallel.load_weights(path)
    np.testing.assert_array_equal(inner.get_layer("dense").get_weights()[0], kernel)


def test_it_trains_the_weights_inside(inner):
    model = keras.Model(inner.inputs, inner.outputs[0])
    parallel = ParallelModel(model, 2)
    parallel.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    values, before = [np.ones((4, 4), np.float32)] * 2, model.get_weights()[0].copy()
    parallel.fit(values, np.ones((4, 3), np.float32), batch_size=4, verbose=0)
    assert np.any(model.get_weights()[0] != before)


def test_summary_shows_the_model_inside(inner, capsys):
    ParallelModel(inner, 2).summary()
    assert "dense" in capsys.readouterr().out


def test_a_gpu_count_of_0_is_rejected(inner):
    with pytest.raises(ConfigError, match="at least 1, not 0"):
        ParallelModel(inner, 0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX splits its program by itself.")
def test_gpu_count_shares_the_steps_of_training_and_leaves_lists_whole(tiny, monkeypatch, tmp_path):
    """As in the original, setting GPU_COUNT is enough; one processor stands in for both GPUs."""
    monkeypatch.setattr(devices, "_all_devices", lambda: ["/device:CPU:0", "/device:CPU:0"])
    config = tiny.config(NUM_CLASSES=4, GPU_COUNT=2, IMAGES_PER_GPU=1)
    model = modellib.MaskRCNN("training", config, str(tmp_path))
    model.set_trainable("all", verbose=0)
    model.compile(0.001, 0.9)
    model.keras_model.run_eagerly = True
    seen = []
    monkeypatch.setattr(devices, "_shared_step", lambda *given: seen.append(given) or {"loss": 0.0})
    model.keras_model.train_on_batch(tiny.batch(config))
    assert len(seen) == 1 and seen[0][1] == ["/device:CPU:0"] * 2
    dataset = ShapesDataset()
    dataset.load_shapes(2, 64, 64, 0)
    dataset.prepare()
    inputs, outputs = next(modellib.data_generator(dataset, config, batch_size=2))
    total, *parts = model.keras_model.train_on_batch(inputs, outputs)
    assert len(seen) == 1 and float(total) == pytest.approx(sum(map(float, parts)), rel=1e-4)
