"""What somebody asked for, and what may be asked."""
