"""A small made project on disk: line images, line lists, a base model folder, a config."""

import json
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any  # config values have no narrower type

from PIL import Image

from loghi_contract.job import DeviceKind
from loghi_contract.tokenizer import Tokenizer, format_tokenizer
from loghi_runner.config.load import LoadedConfig, load_config
from loghi_runner.findings import Finding, Severity
from loghi_runner.finetuning.plan import RunPlan, make_plan

RUN_ID = "20261122-090000-k3f9"
LETTERS = "abcdefghijklmnopqrstuvwxyz "


class Project:
    """Everything of one run in one folder; each method writes one part."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[str, Any] = {
            "base_model": "base",
            "data": {"train": "train.txt", "validation": "val.txt"},
            "output": "runs",
        }

    def image(self, name: str, *, like: str | None = None, mode: str = "L") -> Path:
        """A line image whose content depends on its name, or on the name it is like."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shade = zlib.crc32((like or name).encode())
        image = Image.new("RGBA", (20, 8), (shade & 255, shade >> 8 & 255, shade >> 16 & 255, shade >> 24))
        image.convert(mode).save(path, format="PNG")
        if mode == "L":
            # grey has too few shades to tell all images apart
            path.write_bytes(path.read_bytes() + shade.to_bytes(4, "big"))
        return path

    def line_list(self, name: str, lines: Iterable[tuple[str, str]], *, make_images: bool = True) -> Path:
        lines = list(lines)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{image}\t{text}\n" for image, text in lines), encoding="utf-8")
        if make_images:
            for image, _text in lines:
                self.image(str(path.parent.relative_to(self.folder) / image))
        return path

    def model(
        self, name: str = "base", *, letters: str = LETTERS, channels: int = 1, keras: str = "3.13.2", extra: int = 0
    ) -> Path:
        """A folder that looks like a Loghi model; `extra` columns make it one whose tokenizer does not fit."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        tokenizer = Tokenizer.of(letters)
        layers = [
            {"class_name": "InputLayer", "config": {"batch_shape": [None, None, 64, channels]}},
            {"class_name": "Dense", "config": {"units": tokenizer.classes + extra}},
        ]
        with zipfile.ZipFile(folder / "model.keras", "w") as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": keras}))
            archive.writestr("config.json", json.dumps({"config": {"name": name, "layers": layers}}))
            archive.writestr("model.weights.h5", b"weights")
        (folder / "tokenizer.json").write_text(format_tokenizer(tokenizer), encoding="utf-8")
        return folder

    def config(self, text: str | None = None, *, name: str = "bonnevie.yaml") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.values) if text is None else text, encoding="utf-8")
        return path

    def load(self, *overrides: str) -> LoadedConfig:
        return load_config(self.config(), overrides)

    def plan(self, *overrides: str) -> RunPlan:
        return make_plan(self.load(*overrides), run_id=RUN_ID, device=DeviceKind.CPU)


def page(name: str, count: int, text: str = "some words") -> list[tuple[str, str]]:
    """The lines of one page, its images in a folder of its own as loghi-tooling cuts them."""
    return [(f"{name}/{name}-{number:03}.png", text) for number in range(count)]


class Findings:
    """Asks a plan's findings by code."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._findings = tuple(findings)

    def one(self, code: str) -> Finding:
        found = [finding for finding in self._findings if finding.code == code]
        assert len(found) == 1, f"{code}: {len(found)} of {[finding.code for finding in self._findings]}"
        return found[0]

    def codes(self, *severities: Severity) -> list[str]:
        return [finding.code for finding in self._findings if not severities or finding.severity in severities]
