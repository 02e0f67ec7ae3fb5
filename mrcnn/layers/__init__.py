"""Layers of the compiled step, written in `keras.ops`, with static shapes and without a settings object."""
