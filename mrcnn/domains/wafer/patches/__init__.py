"""Patches of a wafer, cut at random or on a grid, and folders of them."""
