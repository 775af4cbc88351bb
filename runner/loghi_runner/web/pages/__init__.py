"""The web page of the service: drawn on the server, useful without scripts, nothing from other hosts."""
