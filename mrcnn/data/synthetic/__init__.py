"""Synthetic images with known ground truth: schematic electron micrographs and plain shapes."""
