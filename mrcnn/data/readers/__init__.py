"""Readers: one format of annotated pictures a file. `open_dataset` in `open.py` recognises the layout."""
