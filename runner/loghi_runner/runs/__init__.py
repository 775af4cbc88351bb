"""A run that was started: its folder, its events, how it ended; found again by whoever looks."""
