"""Which pages to transcribe next: those that the model reads with the least confidence."""
