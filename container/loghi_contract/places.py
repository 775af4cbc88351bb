"""Where things are inside the container; `LOGHI_ROOT` puts a folder before them for runs without one."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

JOB_DIR = PurePosixPath("/in/job")
DATA_DIR = PurePosixPath("/in/data")
BASE_MODEL_DIR = PurePosixPath("/in/base_model")
OUT_DIR = PurePosixPath("/out")
#: Lock files of the cards that a run was given, and of its place in their queue.
LEASES_DIR = PurePosixPath("/in/leases")

JOB_FILE = JOB_DIR / "job.json"
LISTS_DIR = JOB_DIR / "lists"
#: What the language model learns besides the training lines, one text a line.
MORE_TEXTS_FILE = LISTS_DIR / "more_texts.txt"

#: Paths below are relative to the run's out folder, on both sides.
EVENTS_FILE = PurePosixPath("events.jsonl")
BEST_VAL = PurePosixPath("model/best_val")
#: Where a model is written before it is put into best_val: on the same disk, and never among what others open.
SAVING_DIR = PurePosixPath("model/.saving")
#: What a run goes on from after an interruption: two checkpoints, see `loghi_contract.checkpoint`.
LAST = PurePosixPath("last")
#: Touched every ten seconds by a trainer that lives, and removed at its end: for those who cannot see its process.
BEAT_FILE = PurePosixPath("beat")
REPORT_DIR = PurePosixPath("report")
RESULTS_FILE = PurePosixPath("results.txt")
#: What was read without the language model, where one helped; of the same form and lines as the results.
BY_IMAGE_FILE = PurePosixPath("results_by_image.txt")

ROOT_VARIABLE = "LOGHI_ROOT"


def lines_table(split: str) -> PurePosixPath:
    """Where the trainer writes what its models read in a split, line by line; relative to the out folder."""
    return REPORT_DIR / f"{split}_lines.tsv"


@dataclass(frozen=True)
class Places:
    """Turns container paths into paths this process can open."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Places":
        return cls(Path(os.environ.get(ROOT_VARIABLE, "/")))

    def real(self, container_path: PurePosixPath | str) -> Path:
        """The path to open; relative container paths are an error of the caller."""
        path = PurePosixPath(container_path)
        if not path.is_absolute():
            raise ValueError(f"not a container path: {path}")
        return self.root / path.relative_to("/")

    @property
    def out(self) -> Path:
        return self.real(OUT_DIR)
