"""The trainer: the program in the container that adapts a Loghi model to a new hand."""
