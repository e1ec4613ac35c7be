"""What several packages share: statistics, word stems, Markdown, the frame of an operation."""
