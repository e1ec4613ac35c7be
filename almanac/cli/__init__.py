"""The command line: one module a verb, with what it prints beside it."""
