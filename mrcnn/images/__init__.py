"""Image files: pixels, layout and pixel size of TIFF, PNG, JPEG and BMP, and the errors of damaged files."""
