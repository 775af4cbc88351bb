"""`make test-kill`: real fine-tunings killed in every way and at every moment, and whether the promises hold; each
is then resumed to its end, and held to the weights and the epoch table of the one that nobody killed. At last what is
no kill happens (`faults`: disks, removed folders, set clocks), a run goes on on another machine (`elsewhere`), a Docker
daemon is killed (`daemon`), and every file of an interrupted run is cut off, as by a power cut. Some of it takes root.

    python -m tests.kills [--kills 50] [--minutes 90] [--seed 1] [--folder DIR]

Exit 0: every promise was kept. 1: one was broken; each is printed. Nothing but its own folder is touched.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.kills.cuts import cut_all
from tests.kills.daemon import kill_daemons
from tests.kills.elsewhere import resume_elsewhere
from tests.kills.faults import Happened, happen
from tests.kills.harness import Harness, Outcome
from tests.kills.plan import make_plan

_AGAIN_EVERY = 10
_SHARE_OF_CUTS = 0.35
_MOST_AGAIN = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=90.0, help="no further kill is begun after that")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="kept; by default a temporary one")
    arguments = parser.parse_args()
    # in a script's background they arrive ignored, and every command that is started would ignore them too
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if arguments.folder is not None:
        return _kill(arguments.folder, arguments)
    with tempfile.TemporaryDirectory(prefix="loghi-kills-") as folder:
        return _kill(Path(folder), arguments)


def _kill(folder: Path, arguments: argparse.Namespace) -> int:
    deadline = time.monotonic() + 60 * arguments.minutes
    # what is left of the time is for disks and cuts
    last_kill = deadline - 60 * arguments.minutes * _SHARE_OF_CUTS
    harness = Harness(folder, seed=arguments.seed)
    undisturbed = harness.run_undisturbed()
    print(f"undisturbed: {undisturbed.seconds:.0f} s, saved epochs {sorted(undisturbed.epochs.values())}")
    print(
        f"{'':>3}  {'kill':<38} {'at':>6}  {'then':<12}  {'state':<30}  {'epoch':<5}  {'resumed':<24}  broken",
        flush=True,
    )
    outcomes: list[Outcome] = []
    later: list[str] = []
    for number, kill in enumerate(make_plan(arguments.kills, arguments.seed), start=1):
        if time.monotonic() > last_kill:
            break
        outcome = harness.carry_out(kill, undisturbed)
        for _again in range(_MOST_AGAIN):
            if not outcome.reached:  # the run was over before its time came
                outcome = harness.carry_out(kill, undisturbed)
        outcomes.append(outcome)
        print(_row(number, outcome), flush=True)
        if number % _AGAIN_EVERY == 0:
            later += harness.finetune_again()
    for what in (happen, resume_elsewhere, kill_daemons):
        later += _carried_out(what(harness.place, undisturbed), deadline)
    later += cut_all(harness.place, harness.interrupted(), undisturbed, arguments.seed, deadline)
    return _tell(arguments.kills, outcomes, later)


def _carried_out(faults: Iterator[Happened], deadline: float) -> list[str]:
    """Those for which there is time; prints each, and returns the broken promises."""
    broken: list[str] = []
    for name, became, wrong in faults:
        print(f"     {name:<70}  {became:<24}  {'; '.join(wrong) or 'nothing'}", flush=True)
        broken += wrong
        if time.monotonic() > deadline:
            break
    return broken


def _row(number: int, outcome: Outcome) -> str:
    kill = str(outcome.kill) if outcome.reached else f"{outcome.kill} (missed)"
    at = f"{outcome.at_s:.1f} s" if outcome.at_s else ""
    epoch = "-" if outcome.epoch is None else str(outcome.epoch)
    broken = "; ".join(outcome.broken) or "nothing"
    stood = f"{outcome.state:<30}  {epoch:<5}  {outcome.resumed:<24}"
    return f"{number:>3}  {kill:<38} {at:>6}  {outcome.then:<12}  {stood}  {broken}"


def _tell(wanted: int, outcomes: list[Outcome], later: list[str]) -> int:
    reached = [outcome for outcome in outcomes if outcome.reached]
    for what, count in sorted(Counter(outcome.state for outcome in reached).items()):
        print(f"{count:>4}  {what}")
    broken = [sentence for outcome in outcomes for sentence in outcome.broken] + later
    ended = sum(outcome.resumed.endswith("to its end") for outcome in outcomes)
    print(f"{ended} resumed to their end, of them {sum('again' in it.resumed for it in outcomes)} killed once more")
    print(f"{len(reached)} kills of {wanted}, {len(broken)} promises broken")
    for sentence in later:
        print(f"  {sentence}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
