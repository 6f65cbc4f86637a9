"""What the system speaks of: frozen values, ids and states."""
