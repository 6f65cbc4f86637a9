"""Weaviate: the search index of the cluster profile."""
