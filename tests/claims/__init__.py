"""Tests of the rules that hold a claim against a passage."""
