"""Fields of view of the Human Protein Atlas: reading and merging their four stains, reading their labels."""
