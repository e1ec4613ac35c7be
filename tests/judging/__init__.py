"""Tests of the judge on live traffic."""
