"""Plain classes that fulfil the ports; they run without Ray."""
