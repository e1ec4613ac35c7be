"""Have documents, questions or answers moved away from what they were? See `almanac.drift.look`."""
