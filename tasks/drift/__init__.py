"""Have documents, questions or answers moved away from what they were? See `tasks.drift.look`."""
