"""Python imports this at its start, where it is on its path."""

import os

if "LOGHI_FAKE_CARDS" in os.environ:
    from tests.fake_nvml import install

    install()
