"""Code that comes while the service runs: kept, tested apart, loaded, followed."""
