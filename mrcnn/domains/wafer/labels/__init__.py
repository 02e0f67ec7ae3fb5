"""Outlines of sections, and the files that hold them."""
