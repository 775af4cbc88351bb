"""The test image's program: holds its cards as the trainer does, then does as the stand-in for it."""

import sys
from pathlib import Path

import fake_trainer

from loghi_contract.places import LEASES_DIR
from loghi_trainer.leases import hold_leases

hold_leases(Path(LEASES_DIR))
sys.exit(fake_trainer.main())
