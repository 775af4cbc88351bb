"""What may be asked of the service, and how that is described."""
