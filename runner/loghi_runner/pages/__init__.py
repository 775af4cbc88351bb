"""Transcribed pages: images with PAGE XML or ALTO, found and read; nothing is cut or decided about training here."""
