"""Named checks before a run; each gives findings and touches nothing."""
