"""Wafers of sections: labels, channels and patches of pictures too large for full-size masks."""
