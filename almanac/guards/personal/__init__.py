"""Personal data in texts, told apart from what only looks like it."""
