"""One strategy per source: bytes in, records out."""
