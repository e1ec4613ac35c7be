"""Lakehouses that earlier versions wrote, which every later version must open and go on with."""
