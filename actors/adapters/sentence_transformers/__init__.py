"""Adapters over sentence-transformers."""
