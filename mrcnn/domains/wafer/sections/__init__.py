"""Sections made from detections: measuring and pairing their parts, table, export."""
