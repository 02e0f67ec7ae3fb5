"""What belongs to one kind of specimen: wafers of sections, and fields of the Human Protein Atlas."""
