"""Ground truth of a run: line lists read, their images found and looked at, splits made and compared."""
