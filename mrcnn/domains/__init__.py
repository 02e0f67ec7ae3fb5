"""Code for specific kinds of specimens: wafers of brain sections, and fields of the Human Protein Atlas."""
