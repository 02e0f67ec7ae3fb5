"""Synthetic wafers with ground truth."""
