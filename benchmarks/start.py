"""`python -m benchmarks.start [--rounds 20]`: how soon `loghi-runner --help` answers, beside its libraries alone.

Both are new processes of this Python, in turn; told are seconds, and how many times as long `--help` takes, round by
round. Without Typer and Rich there would be no command line: nothing of ours can be quicker.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import in_turn, ratios, run_measured, told

HELP = "loghi-runner --help"
LIBRARIES = "import typer, rich.console"
COMMANDS = {HELP: ["-m", "loghi_runner", "--help"], LIBRARIES: ["-c", LIBRARIES]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="loghi-runner-bench-") as folder:
        work = Path(folder)

        def seconds(name: str) -> float:
            return run_measured([sys.executable, *COMMANDS[name]], work / "log", cwd=work, extra_environment={}).wall_s

        for name in COMMANDS:  # once for the disk
            seconds(name)
        took = in_turn(rounds, {name: lambda _turn, name=name: seconds(name) for name in COMMANDS})
    for name, walls in took.items():
        print(f"{name}: seconds {told(walls, 2)}")
    print(f"times as long: {told(ratios(took[HELP], took[LIBRARIES]), 2)}")


if __name__ == "__main__":
    main()
