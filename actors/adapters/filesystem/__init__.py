"""Adapters over filesystem."""
