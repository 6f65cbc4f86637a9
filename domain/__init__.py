"""The rules of Headrace: pure, without I/O and without a framework."""
