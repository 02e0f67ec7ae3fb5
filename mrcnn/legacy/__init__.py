"""Matterport's functions and classes with their old signatures, implemented on top of the other packages."""
