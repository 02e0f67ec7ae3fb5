"""Plots of wafers: an overview image of a whole wafer, and views of parts of it."""
