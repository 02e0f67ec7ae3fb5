"""Weight files: read, write and download them, and match them with a network."""
