"""Extracting documents in processes of their own, which may die without harm."""
