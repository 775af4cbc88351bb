"""Transcribed pages into line images, texts and line lists, split by page."""
