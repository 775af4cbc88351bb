"""The process of an order with a stand-in for its platform: pages come from a folder, and are pushed to nowhere.

    FAKE_PLATFORM=<folder> python tests/fake_platform_process.py WORK_FOLDER

The file `down` in the folder makes the platform answer nothing; `pushed.jsonl` there lists what was written.
"""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from loghi_runner.aliases import OnProgress
from loghi_runner.config.choices import PlatformKind
from loghi_runner.errors import PlatformError
from loghi_runner.orders.process import main
from loghi_runner.platform.base import PLATFORMS, Layer, PlatformConnection, Pulled, Pushed, Source

FOLDER_VARIABLE = "FAKE_PLATFORM"


@dataclass(frozen=True)
class FolderPlatform:
    token: str

    @property
    def folder(self) -> Path:
        folder = Path(os.environ[FOLDER_VARIABLE])
        if (folder / "down").exists():
            raise PlatformError("platform.away", "the platform does not answer")
        return folder

    def pull(self, source: Source, folder: Path, on_progress: OnProgress) -> Pulled:
        shutil.copytree(self.folder / "pages", folder, dirs_exist_ok=True)
        return Pulled(folder, 8, 32)

    def push(self, pulled: Path, recognized: Path, layer_name: str, comment: str, on_progress: OnProgress) -> Pushed:
        read = sorted(path.name for path in recognized.glob("*.xml"))
        with (self.folder / "pushed.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"layer": layer_name, "read": read, "token": self.token}) + "\n")
        return Pushed(Layer(7, layer_name), "https://x.example/7", len(read), 32)

    def report(self, document_id: int, title: str, known: int | None = None) -> None:
        raise PlatformError("platform.not_offered", "it shows no tasks")


def with_token(_connection: PlatformConnection, token: str) -> FolderPlatform:
    return FolderPlatform(token)


def use_fake_platform(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Processes that a worker of this test starts have it."""
    patch.setenv(FOLDER_VARIABLE, str(folder))
    patch.setattr("loghi_runner.orders.processes.COMMAND", (sys.executable, __file__))


if __name__ == "__main__":
    PLATFORMS[PlatformKind.ESCRIPTORIUM] = __name__
    sys.exit(main())
