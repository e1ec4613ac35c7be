"""Reading documents from folders and tables on any file system fsspec knows."""
