"""report.html and report.json in a run's out/report."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from loghi_contract.places import REPORT_DIR
from loghi_contract.records import to_json
from loghi_runner.files import write_atomically
from loghi_runner.report.build import NAMES, Report, ShownLine, build_report
from loghi_runner.report.curve import draw_curve
from loghi_runner.report.read import RunFacts, read_run
from loghi_runner.rundir import RunFolder, RunRecord
from loghi_runner.scoring.counts import Variant
from loghi_runner.wording import duration, local_time, percent, status_word

HTML_FILE = "report.html"
JSON_FILE = "report.json"

_HEIGHT_PX = 56
_VARIANTS = {
    Variant.DIPLOMATIC: "CER",
    Variant.CASELESS: "CER, upper and lower case alike",
    Variant.LETTERS: "CER, letters a to z and digits only",
}


def write_report(folder: RunFolder, record: RunRecord) -> Path:
    """Write both files from what the run left behind, and return the HTML one. Raises OSError."""
    facts = read_run(folder, record)
    report = build_report(facts)
    place = folder.out / REPORT_DIR
    write_atomically(place / JSON_FILE, json.dumps(_as_json(facts, report), ensure_ascii=False, indent=1) + "\n")
    write_atomically(place / HTML_FILE, _as_html(facts, report))
    return place / HTML_FILE


def _as_json(facts: RunFacts, report: Report) -> dict[str, object]:
    return {
        "kind": "report",
        "verdict": facts.record.verdict,
        "run": to_json(facts.record),
        "epochs": to_json(facts.progress.epochs),
        "evaluations": to_json(facts.progress.evaluations),
        "skipped": facts.skipped,
        "test": to_json(report),
        "forgetting": to_json(facts.forgetting) if facts.forgetting else None,
    }


def _as_html(facts: RunFacts, report: Report) -> str:
    environment = Environment(
        loader=PackageLoader("loghi_runner.report", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "duration": duration, "local_time": local_time}
    epochs = facts.progress.epochs
    return environment.get_template("report.html").render(
        record=facts.record,
        status=status_word(facts.record.status) if facts.record.status else facts.record.state.value,
        progress=facts.progress,
        report=report,
        forgetting=facts.forgetting,
        names=NAMES,
        variants=_VARIANTS,
        diplomatic=Variant.DIPLOMATIC,
        curve=Markup(draw_curve(epochs)) if len(epochs) > 1 else "",  # noqa: S704  # drawn by us, from numbers only
        images=_images(facts, [*report.worst, *report.both_wrong, *report.suspected]),
        skipped=facts.skipped,
        seconds=(facts.progress.last_t or 0) - (facts.progress.began_t or 0),
    )


def _images(facts: RunFacts, lines: Iterable[ShownLine]) -> dict[str, str]:
    """Line images as data URIs by line id; those that cannot be read any more are left out."""
    found = {}
    for line in lines:
        path = facts.images.get(line.id)
        if path is None or line.id in found or not path.is_file():
            continue
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        if pixels is None:
            continue
        height, width = pixels.shape[:2]
        scale = min(1.0, _HEIGHT_PX / height)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        _, content = cv2.imencode(".jpg", cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), [1, 75])
        found[line.id] = "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()
    return found
