"""A platform that knows nothing of loghi-runner but its address: forms, addresses and events are in the manifest.

    python generic_platform.py http://127.0.0.1:8765                        # what can be asked for
    python generic_platform.py http://127.0.0.1:8765 finetune               # asks for every answer, starts, follows
    python generic_platform.py http://127.0.0.1:8765 finetune --answers answers.json --output results

The token stands in the environment as LOGHI_TOKEN, or in the file of --token-file. Ctrl+C ends the order.
"""

import argparse
import json
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

OVER = ("finished", "failed", "cancelled")


class Service:
    """The addresses of a manifest, asked with a token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self.session = requests.Session()
        self.manifest: dict[str, Any] = self.session.get(f"{self.url}/manifest", timeout=30).json()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def ask(self, name: str, order: str = "", **options: Any) -> requests.Response:
        endpoint = self.manifest["endpoints"][name]
        address = self.url + endpoint["path"].replace("{id}", order)
        answer = self.session.request(endpoint["method"], address, **{"timeout": 60, **options})
        if answer.status_code >= 400:
            problem = answer.json()
            where = f" ({problem['where']})" if problem.get("where") else ""
            raise SystemExit(f"{problem['message']}{where}. {problem.get('hint') or ''}")
        return answer

    def events(self, order: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Kind and content of everything that happens; after a lost connection it goes on where it was."""
        last, is_over = "", False
        while not is_over:
            try:
                stream = self.ask("events", order, headers={"Last-Event-ID": last} if last else {}, stream=True)
                kind = ""
                for line in stream.iter_lines(decode_unicode=True):
                    key, _, value = line.partition(": ")
                    if key == "event":
                        kind = value
                    elif key == "id":
                        last = value
                    elif key == "data":
                        yield kind, json.loads(value)
            except requests.ConnectionError:
                continue
            is_over = self.ask("order", order).json()["stage"] in OVER


def fill_in(schema: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """The form of a schema on a terminal; an empty answer is the default, and left out."""
    answers = {}
    for name, field in schema["properties"].items():
        answer = ask_for(field, depth, is_required=name in schema.get("required", []))
        if answer is not None:
            answers[name] = answer
    return answers


def ask_for(field: dict[str, Any], depth: int, *, is_required: bool) -> Any:
    indent = "  " * depth
    print(f"{indent}{field['title']}: {field['description']}")
    if "oneOf" in field:
        for number, alternative in enumerate(field["oneOf"], start=1):
            print(f"{indent}  {number}. {alternative['title']}: {alternative['description']}")
        return fill_in(field["oneOf"][int(input(f"{indent}  which? ")) - 1], depth + 1)
    if "properties" in field:
        is_wanted = is_required or input(f"{indent}  change something here? [y/N] ").lower() == "y"
        return fill_in(field, depth + 1) if is_wanted else None
    limits = [f"{word} {field[word]}" for word in ("minimum", "maximum", "default", "unit") if word in field]
    choices = field.get("enum") or field.get("items", {}).get("enum")
    limits += [f"one of {', '.join(choices)}"] if choices else []
    while True:
        text = input(f"{indent}  [{'; '.join(limits)}] " if limits else f"{indent}  ").strip()
        if text or not is_required:
            return typed(field, text) if text else None


def typed(field: dict[str, Any], text: str) -> Any:
    """What was typed, as the schema's type wants it; what does not fit is left to the service to refuse."""
    kind = field.get("type")
    if kind == "array":
        return [part.strip() for part in text.split(",")]
    if kind == "boolean":
        return text.lower() in ("y", "yes", "true")
    if kind in ("integer", "number") or (kind is None and text.isdigit()):
        return json.loads(text)
    return text


def follow(service: Service, order: str) -> dict[str, Any]:
    """Show what happens until the order is over; Ctrl+C asks the service to end it, and waits for the end."""
    shown = ""
    try:
        for kind, event in service.events(order):
            if kind == "order":
                stage = event["stage"] + (f", place {event['position']} in the queue" if event["position"] else "")
                if stage != shown:
                    print(stage)
                shown = stage
            elif kind == "epoch":
                print(f"epoch {event['epoch']} of {event['epochs']}: CER {100 * event['val_cer']:.1f} %")
    except KeyboardInterrupt:
        print("ending the run; its best model is kept")
        service.ask("cancel", order)
        return follow(service, order)
    state: dict[str, Any] = service.ask("order", order).json()
    return state


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("action", nargs="?")
    parser.add_argument("--answers", type=Path, help="parameters as JSON, instead of being asked")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for report and model")
    parser.add_argument("--token-file", type=Path)
    parser.add_argument("--key", default=str(uuid.uuid4()), help="sent again with the same key, it is the same order")
    given = parser.parse_args()
    token = given.token_file.read_text() if given.token_file else os.environ.get("LOGHI_TOKEN", "")
    service = Service(given.url, token.strip())
    actions = service.manifest["actions"]
    if given.action not in actions:
        for name, action in actions.items():
            print(f"{name:<10} {action['title']}: {action['description']}")
        return 0
    parameters = (
        json.loads(given.answers.read_text()) if given.answers else fill_in(actions[given.action]["parameters"])
    )
    asked = {"action": given.action, "parameters": parameters, "key": given.key}
    order = service.ask("start", json=asked).json()["id"]
    print(f"order {order}")
    state = follow(service, order)
    if state["error"]:
        print(f"{state['error']['message']}. {state['error'].get('hint') or ''}")
    elif state["run"]:
        print(state["run"]["verdict"] or "no verdict")
    given.output.mkdir(parents=True, exist_ok=True)
    if state["run"] and state["run"]["has_report"]:
        (given.output / "report.html").write_bytes(service.ask("report", order).content)
    if state["model"]:
        (given.output / "model.zip").write_bytes(service.ask("model", order).content)
        print(f"model and report are in {given.output}")
    if state["texts"]:
        (given.output / "texts.zip").write_bytes(service.ask("texts", order).content)
    return 0 if state["stage"] == "finished" else 1


if __name__ == "__main__":
    sys.exit(main())
