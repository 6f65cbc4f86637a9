"""Adapters over S3 and servers that speak its protocol."""
