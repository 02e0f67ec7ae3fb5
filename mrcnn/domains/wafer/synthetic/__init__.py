"""Synthetic wafers with their truth."""
