"""The commands of ``headrace``, one module per topic."""
