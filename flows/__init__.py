"""What Almanac is scheduled to do: one flow a file, each the table of contents of its work."""
