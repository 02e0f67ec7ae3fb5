"""Implementation of the wafer command line programs."""
