"""Readers: one module per layout of annotated images. `open_dataset` in `open.py` detects the layout."""
