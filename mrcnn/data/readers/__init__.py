"""Readers: one module per layout of annotated images. `open_dataset` and `open_any` in `open.py` detect the layout."""
