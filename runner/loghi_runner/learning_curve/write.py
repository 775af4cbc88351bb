"""learning_curve.html and learning_curve.json."""

import json
from pathlib import Path
from typing import Any  # JSON values have no narrower type

from markupsafe import Markup

from loghi_contract.records import to_json
from loghi_runner.files import cannot_write, write_atomically
from loghi_runner.learning_curve.chart import draw_learning_curve
from loghi_runner.learning_curve.curve import Curve, forecast_sentence, point_rows, remarks
from loghi_runner.recognition.next_pages.rank import NextPages
from loghi_runner.recognition.next_pages.words import next_remarks, next_table
from loghi_runner.report.html import render

HTML_FILE = "learning_curve.html"
JSON_FILE = "learning_curve.json"


def curve_json(curve: Curve, next_pages: NextPages | None) -> dict[str, Any]:
    """The curve for programs; CER and confidence are fractions."""
    return {
        "kind": "learning_curve",
        "forecast": forecast_sentence(curve),
        "remarks": remarks(curve),
        **to_json(curve),
        "next_pages": to_json(next_pages) if next_pages else None,
    }


def write_curve(curve: Curve, next_pages: NextPages | None, folder: Path) -> Path:
    """Write both files and return the HTML one.

    Raises:
        EngineError: the folder does not take them.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(curve_json(curve, next_pages), ensure_ascii=False, indent=1)
        write_atomically(folder / JSON_FILE, text + "\n")
        write_atomically(folder / HTML_FILE, _as_html(curve, next_pages))
    except OSError as error:
        hint = "Name another --output; the trained runs are kept and used again."
        raise cannot_write(str(folder), error, folder, hint=hint) from error
    return folder / HTML_FILE


def _as_html(curve: Curve, next_pages: NextPages | None) -> str:
    header, *rows = point_rows(curve)
    return render(
        "learning_curve.html",
        (),
        {},
        curve=curve,
        forecast=forecast_sentence(curve),
        remarks=remarks(curve),
        header=header,
        rows=rows,
        next_table=next_table(next_pages) if next_pages else (),
        next_remarks=next_remarks(next_pages) if next_pages else (),
        chart=Markup(draw_learning_curve(curve)),  # noqa: S704  # drawn by us, from numbers only
    )
