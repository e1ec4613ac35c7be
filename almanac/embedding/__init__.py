"""Embedding models behind the `Encoder` protocol of `schemas.encoder`; `factory` opens them."""
