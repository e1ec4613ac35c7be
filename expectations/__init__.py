"""What documents, chunks and an index must and should be, and the one runner that checks it."""
