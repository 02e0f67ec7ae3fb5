"""Synthetic fields of view with cells in four stains."""
