"""Speed and accuracy beside Loghi HTR itself, on the same base model, lines, epochs and batch size."""
