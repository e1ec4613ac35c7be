"""The sections of the configuration, by what they are about."""
