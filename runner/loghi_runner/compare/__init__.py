"""Models and recognitions scored on transcribed lines, by one or side by side."""
