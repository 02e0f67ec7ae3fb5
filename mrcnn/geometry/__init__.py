"""Arithmetic on boxes, masks and anchors: NumPy on plain arrays, no settings."""
