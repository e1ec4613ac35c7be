"""Chat models behind an OpenAI-compatible endpoint: a judge, a teacher."""
