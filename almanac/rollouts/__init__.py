"""Rollouts: a candidate version answers a growing share of users while the evidence allows it."""
