"""Why a disliked answer failed: replayed on the release that it was answered from."""
