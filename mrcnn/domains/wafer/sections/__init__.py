"""Sections from what was detected: parts, pairs, table, export."""
