"""How the outside world is reached, and what stays alive between calls."""
