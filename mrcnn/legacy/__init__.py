"""What exists only because of old signatures: Matterport's function and class forms, onto the rooms beneath."""
