"""Image files: pixels, layout and pixel size of TIFF, PNG, JPEG and BMP, and what their decoders raise on damage."""
