"""Platforms that pages are pulled from and readings are written to."""
