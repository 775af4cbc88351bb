"""Random generators that depend on names only, so that every page can be made on its own."""

import hashlib

import numpy as np


def generator_for(*names: str | int) -> np.random.Generator:
    """Return a generator seeded from `names`; the same names always give the same numbers."""
    digest = hashlib.sha256("\x1f".join(str(name) for name in names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
