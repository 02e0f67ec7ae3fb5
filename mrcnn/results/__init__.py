"""What a model found: measurement and export."""
