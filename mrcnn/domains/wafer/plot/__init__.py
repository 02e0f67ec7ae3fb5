"""A whole wafer in one image, and views of its parts."""
