"""The test image's program: takes all memory where it is to read more than eight lines at once, else stands in."""

import sys
from pathlib import Path

import fake_trainer

from loghi_contract.job import load_job
from loghi_contract.places import JOB_FILE

job = load_job(Path(JOB_FILE).read_text(encoding="utf-8"))
taken = []
while job.batch_size > 8:  # type: ignore[union-attr]
    taken.append(bytearray(b"1" * (64 << 20)))
sys.exit(fake_trainer.main())
