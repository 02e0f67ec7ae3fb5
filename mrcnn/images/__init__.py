"""Image files, read whole or by window: TIFF, PNG, JPEG, BMP, OME-Zarr and, through bioio, CZI, ND2 and LIF."""
