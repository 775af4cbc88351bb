"""Models by name, and packed for others to use."""
