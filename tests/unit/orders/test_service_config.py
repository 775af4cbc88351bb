"""service.yaml, the state folder, and the commands that begin with them."""

import stat
from pathlib import Path

import pytest

from loghi_runner.cli.main import run
from loghi_runner.config.file import ConfigError
from loghi_runner.errors import EngineError
from loghi_runner.orders.config import (
    Client,
    ServiceConfig,
    for_one_person,
    load_service_config,
    plain_service_config,
)
from loghi_runner.orders.lookup import Shelf
from loghi_runner.orders.state import open_state
from loghi_runner.web.callers import token_digest
from loghi_runner.web.serve import new_client


def load(folder: Path, text: str) -> ServiceConfig:
    file = folder / "service.yaml"
    file.write_text(text, encoding="utf-8")
    return load_service_config(file)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return [str(problem) for problem in caught.value.problems]


def test_all_problems_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = (
        "listen: 8765\n"
        "roots: {pags: x}\n"
        "clients:\n"
        "  - {name: Ada, token_sha256: 12}\n"
        "limits: {running: 0}\n"
        "platforms:\n"
        "  esc: {kind: transkribus}\n"
    )
    assert problems(tmp_path, text) == [
        'service.yaml:1: listen must be text, not 8765. Put it in quotes: "8765"',
        "service.yaml:2: roots.pags is not a key of a config. Did you mean pages?",
        "service.yaml:4: clients[0].name is not of the form it must have. Small letters, digits, `_` and `-`.",
        'service.yaml:4: clients[0].token_sha256 must be text, not 12. Put it in quotes: "12"',
        "service.yaml:5: limits.running must be at least 1, not 0",
        "service.yaml:7: platforms.esc.kind must be one of escriptorium, not 'transkribus'",
        "service.yaml:7: platforms.esc.url is missing. Its address, as people open it in their browser.",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("listen: 0.0.0.0:8765", "nobody may ask"),
        ("public_url: htr.example.org", "must be a web address"),
        (f"clients: [{{name: a, token_sha256: '{'0' * 64}', platforms: [x]}}]", "not among `platforms`"),
        (f"clients: [{{name: a, token_sha256: '{'0' * 64}'}}, {{name: a, token_sha256: '{'1' * 64}'}}]", "two clients"),
    ],
)
def test_what_does_not_fit_together_is_said(tmp_path: Path, text: str, words: str) -> None:
    assert words in problems(tmp_path, text)[0]


def test_a_public_address_gives_path_origin_and_host(tmp_path: Path) -> None:
    config = load(tmp_path, "public_url: https://htr.example.org/loghi/\nhosts: [loghi]\n")
    assert (config.root_path, config.origin, config.is_secure) == ("/loghi", "https://htr.example.org", True)
    assert {"htr.example.org", "loghi", "localhost"} <= config.host_names


def test_without_a_config_it_is_for_this_machine_alone(tmp_path: Path) -> None:
    config = plain_service_config(tmp_path)
    assert (config.host, config.state) == ("127.0.0.1", tmp_path / "loghi-service")


def test_for_one_person_the_folders_that_are_named_stay_and_others_are_the_configs_own(tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text("roots: {pages: [archive, /srv/pages]}\n", encoding="utf-8")
    config = load_service_config(tmp_path / "service.yaml")
    alone = for_one_person(config, Client(name="me", token_sha256="0" * 64), tmp_path)
    assert alone.roots.pages == (tmp_path / "archive", Path("/srv/pages"))
    assert alone.roots.base_models == (tmp_path,)
    assert [client.name for client in alone.clients] == ["me"]


def test_a_new_clients_line_fits_into_the_config(tmp_path: Path) -> None:
    token, line = new_client("ada")
    config = load(tmp_path, f"clients:\n{line}\n")
    assert config.clients[0].token_sha256 == token_digest(token)


def test_a_client_that_cannot_be_named_so_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--new-client", "Ada Lovelace"]) == 2
    assert "no client can be named" in capsys.readouterr().err


def test_without_the_packages_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("loghi_runner.cli.serve.find_spec", lambda name: None if name == "fastapi" else object())
    assert run(["serve"]) == 2
    assert "[serve]'" in capsys.readouterr().err


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    state = open_state(tmp_path / "state")
    assert state.key() == state.key()
    (tmp_path / "state" / "service.key").chmod(0o644)
    with pytest.raises(EngineError, match="others can read"):
        state.key()


def test_a_shared_state_folder_lets_the_group_in_and_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o3770)
    state = open_state(folder)
    state.begin_orders()
    state.begin_work()
    state.key()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"orders": 0o2770, "work": 0o2750, "service.key": 0o640}


def test_models_and_pages_are_listed_by_their_place(tmp_path: Path) -> None:
    for name in ("a/best_val", "b", ".hidden", "empty"):
        (tmp_path / "models" / name).mkdir(parents=True)
    for name in ("a/best_val", "b", ".hidden"):
        (tmp_path / "models" / name / "model.keras").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "model.keras").touch()
    (tmp_path / "models" / "link").symlink_to(tmp_path / "outside")
    assert Shelf((tmp_path / "models",)).models() == ["a/best_val", "b"]
