"""Small jobs with line images that a small network can learn; seeded, made here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loghi_contract import CONTRACT
from loghi_contract.event_lines import decode_event
from loghi_contract.events import Event

ALPHABET = "abcdefgh "
SMALL_VGSL = "None,None,32,1 Cr3,3,16 Mp2,2,2,2 Bn Cr3,3,24 Mp2,2,2,2 Bn Rc3 Bl32 Fs92"


@dataclass(frozen=True)
class JobFolder:
    """A run's places on this disk, as engine `local` lays them out."""

    root: Path

    @property
    def out(self) -> Path:
        return self.root / "out"

    def events(self) -> list[Event]:
        # a trainer that goes on ends a line that was cut off with this sign
        lines = [line for line in (self.out / "events.jsonl").read_bytes().splitlines() if not line.endswith(b"#")]
        return [event for event in map(decode_event, lines) if event is not None]

    def of_kind(self, kind: str) -> list[Any]:
        return [event.payload for event in self.events() if event.payload.kind == kind]


def make_job(
    root: Path,
    *,
    base_model: Path | None = None,
    train: Sequence[str] | None = None,
    val: Sequence[str] | None = None,
    test: Sequence[str] | None = None,
    old_hand: Sequence[str] | None = None,
    unread: Sequence[str] | None = None,
    training: dict[str, Any] | None = None,
    **job_keys: Any,
) -> JobFolder:
    """Write a job over made line images in a new folder; further arguments replace keys of job.json or `training`.

    `unread` are what stands in images whose texts are not told; they are learnt in two more epochs.

    Where nothing else is asked for, all lines are equally wide: for each new form of a batch the network's step is
    traced anew, which takes longer than all of the training.
    """
    (root / "in/job/lists").mkdir(parents=True)
    (root / "in/data/0").mkdir(parents=True)
    (root / "out").mkdir()
    if base_model is not None:
        (root / "in/base_model").symlink_to(base_model)
    lists: dict[str, str | None] = {"base_domain": None, "test": None}
    for split, texts in (("train", train or alike_texts(24, 1)), ("val", val or alike_texts(8, 2)), ("test", test)):
        if texts is not None:
            lists[split] = _write_list(root, split, texts)
    if old_hand is not None:
        _write_list(root, "old_hand", old_hand)
        job_keys["old_hand"] = True
    if unread is not None:
        _write_list(root, "unread", unread, told="?")
        job_keys["self_training"] = {"epochs": 2, "learning_rate": 0.001}
    job = {
        "contract": CONTRACT,
        "run_id": root.name,
        "name": "new_hand",
        "vgsl": None if base_model else SMALL_VGSL,
        "lists": lists,
        "device": "cpu",
        "charset": "extend",
        "normalization": "nfc",
        "training": {
            "epochs": 2,
            "batch_size": 4,
            "learning_rate": 0.003,
            "early_stopping": 5,
            "seed": 1,
            "augmentation": "none",
            "precision": "auto",
            "freeze": [],
        }
        | (training or {}),
    } | job_keys
    (root / "in/job/job.json").write_text(json.dumps(job), encoding="utf-8")
    return JobFolder(root)


def made_texts(count: int, seed: int, alphabet: str = ALPHABET) -> list[str]:
    import random

    rng = random.Random(seed)
    return ["".join(rng.choices(alphabet, k=rng.randrange(3, 7))).strip() or "a" for _ in range(count)]


def alike_texts(count: int, seed: int, alphabet: str = ALPHABET.strip()) -> list[str]:
    """Texts of five letters each."""
    import random

    rng = random.Random(seed)
    return ["".join(rng.choices(alphabet, k=5)) for _ in range(count)]


def draw_text(text: str, height_px: int = 32) -> Any:
    """A line image that a small network can learn: every character is a barcode of its own."""
    import numpy as np

    columns = []
    for character in text:
        bits = [(ord(character) * 2654435761 >> shift) & 1 for shift in range(8)]
        glyph = np.full((height_px, 18), 255, np.uint8)
        for row, bit in enumerate(bits):
            if bit:
                glyph[row * height_px // 8 : (row + 1) * height_px // 8, 3:15] = 30
        columns.append(glyph)
    return np.concatenate(columns, axis=1)


def _write_list(root: Path, split: str, texts: Sequence[str], told: str | None = None) -> str:
    import cv2

    rows = []
    for index, text in enumerate(texts):
        name = f"{split} {index}.png"
        assert cv2.imwrite(str(root / "in/data/0" / name), draw_text(text))
        rows.append(f"/in/data/0/{name}\t1\t{told or text}\n")
    path = f"/in/job/lists/{split}.txt"
    (root / path[1:]).write_text("".join(rows), encoding="utf-8")
    return path
