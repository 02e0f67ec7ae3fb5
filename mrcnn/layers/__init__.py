"""Compiled-step layers in `keras.ops`, with static shapes and no settings object."""
