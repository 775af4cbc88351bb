"""Leaves out the tests this machine cannot run, by marker, and says which and why.

`LOGHI_RUNNER_REQUIRE=docker,tf` makes a lack of what these markers need an error instead (continuous integration).
"""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from loghi_contract.job import DeviceKind
from loghi_runner.engines.image import default_image, require_image
from loghi_runner.errors import RunnerError
from tests.chromium import CHROMIUM
from tests.nginx import NGINX

if TYPE_CHECKING:
    from tests.fake_daemon import FakeDaemon

REQUIRE_VARIABLE = "LOGHI_RUNNER_REQUIRE"
CUDA_VARIABLE = "LOGHI_RUNNER_TEST_CUDA"
KRAKEN_VARIABLE = "LOGHI_RUNNER_KRAKEN_PYTHON"

# how long one example takes tells of the machine, not of the code
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# a test starts programs by the dozen; as with users, each finds the modules compiled that an earlier one left
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# under nohup, or started with `&` by a script, these arrive ignored, and so would every command that a test starts
for _number, _handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run remembers of this machine's speed must not outlive the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def daemon(tmp_path: Path) -> "Iterator[FakeDaemon]":
    """A daemon that answers as a test says."""
    from tests.fake_daemon import FakeDaemon

    fake = FakeDaemon(tmp_path / "docker.sock")
    yield fake
    fake.stop()


_left_out = pytest.StashKey[Counter[str]]()


def lack_of_tf() -> str | None:
    missing = [module for module in ("tensorflow", "keras", "cv2") if find_spec(module) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def lack_of_docker() -> str | None:
    if find_spec("docker") is None:
        return "not installed: docker"
    from loghi_runner.engines.docker import DockerEngine

    engine = DockerEngine()
    try:
        engine.check()
        require_image(engine, default_image(DeviceKind.CPU))
    except RunnerError as error:
        return f"{error.message}. {error.hint or ''}".strip()
    return None


def lack_of_gpu() -> str | None:
    from loghi_runner.engines.nvml import list_cards

    found = list_cards()
    return None if found.cards else found.reason


def lack_of_cuda_image() -> str | None:
    # gigabytes and minutes: never by chance
    return None if os.environ.get(CUDA_VARIABLE) else "run by `make test-cuda` only"


def lack_of_browser() -> str | None:
    if find_spec("playwright") is None:
        return "not installed: playwright"
    return None if CHROMIUM.is_file() else f"no {CHROMIUM} (Debian: sudo apt install chromium)"


def lack_of_nginx() -> str | None:
    return None if Path(NGINX).is_file() else "no nginx (Debian: sudo apt install nginx-light)"


def kraken_python() -> Path:
    """The Python of the virtual environment that `make kraken` makes, or the one that the variable names."""
    made = Path(__file__).parents[1] / ".venv-kraken" / "bin" / "python"
    return Path(os.environ.get(KRAKEN_VARIABLE, made))


def lack_of_kraken() -> str | None:
    python = kraken_python()
    if not python.exists():
        return f"there is no {python}; `make kraken` makes it"
    code = "import kraken, torch, torchvision, keras, loghi_kraken"
    done = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, env={**os.environ, "KERAS_BACKEND": "torch"}
    )
    return None if done.returncode == 0 else f"{python} cannot run it: {done.stderr.strip().splitlines()[-1]}"


LACKS: dict[str, Callable[[], str | None]] = {
    "tf": lack_of_tf,
    "docker": lack_of_docker,
    "gpu": lack_of_gpu,
    "cuda": lack_of_cuda_image,
    "browser": lack_of_browser,
    "nginx": lack_of_nginx,
    "kraken": lack_of_kraken,
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    required = {marker for marker in os.environ.get(REQUIRE_VARIABLE, "").split(",") if marker}
    lacks: dict[str, str | None] = {}
    counted: Counter[str] = Counter()
    kept, left_out = [], []
    for item in items:
        reasons = []
        for marker in LACKS:
            if item.get_closest_marker(marker) is None:
                continue
            if marker not in lacks:
                lacks[marker] = LACKS[marker]()
            if lacks[marker]:
                reasons.append(f"{marker}: {lacks[marker]}")
                if marker in required:
                    raise pytest.UsageError(f"{REQUIRE_VARIABLE} names {marker}, but {lacks[marker]}")
        if reasons:
            left_out.append(item)
            counted.update(reasons[:1])
        else:
            kept.append(item)
    config.stash[_left_out] = counted
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for reason, count in config.stash.get(_left_out, Counter()).items():
        terminalreporter.write_line(f"left out: {count} test(s) marked {reason}", yellow=True)
