"""Requests and votes: read from whatever logs an application has, checked, stored once."""
