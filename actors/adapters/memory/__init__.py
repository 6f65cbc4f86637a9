"""Twins that live in memory: they pass the same contract suites, for tests and small runs."""
