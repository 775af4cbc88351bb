"""Files of an interrupted run, each cut off as by a power cut: what commands say then, and how the run goes on."""

import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loghi_contract.exit_codes import ExitCode
from loghi_runner.runs.folder import RunFolder
from tests.kills.place import Place
from tests.kills.promises import Undisturbed, break_of_end, break_of_model, break_of_resumed

#: Refusals that are right where a file is damaged that the run cannot go on without.
_REFUSALS = {
    "run.broken_record": {"run.json"},
    "resume.other_config": {"config.yaml"},
    "run.no_job": {"job.json"},
    "run.made_of_other": {"train.txt", "val.txt"},
}


@dataclass(frozen=True)
class Cut:
    file: Path
    size: int
    of: int

    def __str__(self) -> str:
        return f"{self.file} cut to {self.size} of {self.of} bytes"


def make_cuts(run: RunFolder, chance: random.Random) -> list[Cut]:
    """Every file of the run cut to nothing, to half, and by its last byte; in an order of chance."""
    cuts = set()
    for path in run.path.rglob("*"):
        if path.is_file() and run.places not in path.parents and (of := path.stat().st_size):
            cuts |= {Cut(path.relative_to(run.path), size, of) for size in (0, of // 2, of - 1)}
    ordered = sorted(cuts, key=str)
    chance.shuffle(ordered)
    return ordered


def carry_out(place: Place, run: RunFolder, cut: Cut, undisturbed: Undisturbed) -> tuple[str, list[str]]:
    """What became of a copy of the run with this cut, and which promises were broken."""
    copied = RunFolder(place.folder / "cut" / run.path.name)
    shutil.rmtree(copied.path.parent, ignore_errors=True)
    shutil.copytree(run.path, copied.path, symlinks=True)
    os.truncate(copied.path / cut.file, cut.size)
    broken = list(_broken_words(place, copied))
    answer = place.call("resume", str(copied.path), "--json")
    told = answer.last_json()
    if answer.exit_code != 0:
        code = str(told.get("code"))
        if cut.file.name not in _REFUSALS.get(code, set()):
            broken.append(f"it cannot be resumed: {code}: {answer.stdout[-300:]} {answer.stderr[-300:]}")
        return code, broken
    record = copied.read()
    _epoch, wrong = break_of_model(copied, record, undisturbed)
    # a line that was cut off stays in the events
    broken += [what for what in wrong if "torn line" not in what and "numbered" not in what]
    broken += [*break_of_end(copied, record, "finished", "finished"), *break_of_resumed(copied, undisturbed)]
    return "resumed to its end", broken


def _broken_words(place: Place, run: RunFolder) -> Iterator[str]:
    for words in (("show", str(run.path)), ("runs", str(run.path.parent)), ("report", str(run.path))):
        answer = place.call(*words)
        if answer.exit_code == ExitCode.BUG or "Traceback" in answer.stderr or answer.exit_code not in set(ExitCode):
            yield f"{words[0]} ends with {answer.exit_code}: {answer.stderr[-500:]}"


def cut_all(place: Place, run: RunFolder, undisturbed: Undisturbed, seed: int, deadline: float) -> list[str]:
    """Carry out as many cuts as there is time for; prints each, and returns the broken promises."""
    broken: list[str] = []
    cuts = make_cuts(run, random.Random(seed))
    done = 0
    for cut in cuts:
        if time.monotonic() > deadline:
            break
        became, wrong = carry_out(place, run, cut, undisturbed)
        print(f"     {cut!s:<70}  {became:<24}  {'; '.join(wrong) or 'nothing'}", flush=True)
        broken += wrong
        done += 1
    print(f"{done} files cut of {len(cuts)}, {len(broken)} promises broken")
    return broken
