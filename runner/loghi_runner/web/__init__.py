"""The service: orders of platforms and people, taken over HTTP and carried out as runs."""
