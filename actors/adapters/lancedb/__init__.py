"""Adapters over lancedb."""
