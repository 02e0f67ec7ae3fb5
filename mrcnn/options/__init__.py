"""Command-line options; imports no heavy libraries."""
