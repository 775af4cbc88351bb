"""How a person sees a run: the only place besides `cli` that prints."""
