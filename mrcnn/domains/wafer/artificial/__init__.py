"""Artificial patches from a few labelled sections."""
