"""One module a parser; `almanac.sources.formats` says which format is read by which.

A module for documents has `parse(data, options) -> Parsed`, one for tables
`rows(data, columns) -> Rows`. Both raise `Unreadable` where nothing can be made of the bytes.
"""
