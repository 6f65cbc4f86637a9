"""The parts of ``domain.correlation``."""
