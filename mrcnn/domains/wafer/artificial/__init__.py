"""Artificial training patches made from a few labelled sections."""
