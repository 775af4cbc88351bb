"""`loghi-runner`, also as `python -m loghi_runner`: Ctrl+C while the program still loads is no fault."""

import sys
from importlib import import_module

from loghi_contract.exit_codes import ExitCode


def main() -> None:
    try:
        # loading takes a noticeable moment: somebody who sees a slip in the line just typed presses Ctrl+C now
        command_line = import_module("loghi_runner.cli.main")
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing was started or removed\n")
        sys.exit(ExitCode.INTERRUPTED)
    command_line.main()


if __name__ == "__main__":
    main()
