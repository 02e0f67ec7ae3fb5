"""Patches of a wafer: cutting them at random or on a grid, reading and writing folders of them."""
