"""What the programs for wafers do."""
