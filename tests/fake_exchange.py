"""A stand-in for `loghi_runner.orders.exchange`: brings pages from a folder, and pushes to nowhere.

    FAKE_PLATFORM=<folder> python tests/fake_exchange.py pull < task.json

The file `down` in the folder makes the platform answer nothing; `pushed.jsonl` there lists what was written.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "FAKE_PLATFORM"


def main() -> int:
    task: dict[str, Any] = json.load(sys.stdin)
    platform = Path(os.environ[FOLDER_VARIABLE])
    if (platform / "down").exists():
        answer = {"kind": "error", "code": "platform.away", "message": "the platform does not answer", "exit_code": 4}
    elif sys.argv[1] == "pull":
        for folder in filter(None, (task["truth"], task["to_read"])):
            shutil.copytree(platform / "pages", folder, dirs_exist_ok=True)
        answer = {"kind": "pulled"}
    else:
        read = sorted(path.name for path in Path(task["recognized"]).glob("*.xml"))
        with (platform / "pushed.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"layer": task["layer_name"], "read": read, "token": task["token"]}) + "\n")
        answer = {"kind": "pushed", "layer": {"id": 7, "name": task["layer_name"]}, "url": "https://x.example/7"}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
