"""Annotations made elsewhere: one record (`annotation`), a format a file, and `open`, which tells them apart."""
