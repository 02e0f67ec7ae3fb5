"""Batch normalisation with Matterport's three ways of training."""

import keras


class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation whose mode is fixed when it is built.

    Parameters
    ----------
    train_bn : bool or None
        False: the moving statistics are used always and never change; gamma and beta can still be trained. True: batch
        statistics always. None: the usual way, batch statistics while training.
    """

    def __init__(self, train_bn=False, **kwargs):
        kwargs.setdefault("epsilon", 1e-3)
        super().__init__(**kwargs)
        self.train_bn = train_bn

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training if self.train_bn is None else self.train_bn, mask=mask)

    def get_config(self):
        return {**super().get_config(), "train_bn": self.train_bn}
