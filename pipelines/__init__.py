"""What flows, and in which order."""
