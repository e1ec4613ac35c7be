"""Versions of assistants: prompts as code, what a version is made of, its stages, its gate."""
