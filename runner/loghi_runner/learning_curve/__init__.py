"""How many more pages? The same fine-tuning on a part of the pages, on more, on all, and where that leads."""
