"""Annotations from other programs: one record (`annotation`), one module per format, and `open`, which detects them."""
