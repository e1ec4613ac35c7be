"""Personal data in examples, told apart from what documents say, replaced by typed placeholders."""
