"""The contracts between the rules and the outside world, one per file."""
