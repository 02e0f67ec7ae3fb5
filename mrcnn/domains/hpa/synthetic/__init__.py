"""Synthetic fields of cells in four stains."""
