"""Fields of the Human Protein Atlas: four stains, merged and labelled."""
