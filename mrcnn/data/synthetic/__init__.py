"""Pictures with known truth, drawn by this package: schematic electron micrographs and plain shapes."""
