"""What the user wrote: a YAML file into a run's config, every problem at once."""
