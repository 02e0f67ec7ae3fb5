"""Labelled outlines of sections: reading and writing the files that contain them."""
