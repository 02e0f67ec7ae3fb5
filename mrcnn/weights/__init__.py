"""Weight files: read, written, matched with a network, downloaded."""
