"""A stand-in for an eScriptorium: a small HTTP server with its addresses, shapes, rules and faults, and no database.

`test_stand_in.py` compares its answers with those recorded from real servers.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any  # JSON values have no narrower type

from PIL import Image, ImageDraw

ALICE, BOB = "a11ce" * 8, "b0b00" * 8
#: The account of a service.
LOGHI = "10991" * 8
NOW = "2026-11-22T09:09:39.993256Z"
WIDTH, HEIGHT = 600, 400
_HTML = "<!doctype html><html><head><title>Server Error (500)</title></head><body></body></html>"


@dataclass
class Layer:
    pk: int
    name: str
    archived: bool = False
    avg_confidence: float | None = None
    comments: str | None = None

    def json(self) -> dict[str, Any]:
        return {**self.__dict__, "created_at": NOW}


@dataclass
class Page:
    pk: int
    name: str
    lines: list[dict[str, Any]]
    image: bytes
    uri: str
    progress: int = 100


@dataclass
class Document:
    pk: int
    name: str
    owner: str
    layers: list[Layer]
    pages: list[Page]
    read_direction: str = "ltr"
    line_offset: int = 0
    shared_with: set[str] = field(default_factory=set)

    def is_open_to(self, user: str) -> bool:
        return user == self.owner or user in self.shared_with


@dataclass
class Fault:
    """What happens to the next `times` requests that fit. `after`: the request is carried out, its answer is lost."""

    method: str
    path: str
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: str | bytes = _HTML
    after: bool = False
    times: int = 1


@dataclass
class Hold:
    """The first request that fits is held back, however long, until somebody lets it go on; then it is carried out."""

    method: str
    path: str
    came: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)


class Refused(Exception):
    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body


class StandIn:
    """The state of the server; tests change it directly."""

    def __init__(self) -> None:
        self.tokens = {ALICE: "alice", BOB: "bob", LOGHI: "loghi"}
        #: users by the cookie of their browser
        self.sessions: dict[str, str] = {}
        self.documents: dict[int, Document] = {}
        self.texts: dict[int, dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.faults: list[Fault] = []
        self.hold: Hold | None = None
        self.requests: list[tuple[str, str]] = []
        self.delay_s = 0.0
        self.takes_tasks = True
        #: somebody presses cancel when a task's messages hold this
        self.cancelled_at: str | None = None
        self.url = ""
        self._next = 100
        self.lock = threading.RLock()

    def new_pk(self) -> int:
        self._next += 1
        return self._next

    def asked(self, method: str, path: str = "") -> list[str]:
        return [asked for verb, asked in self.requests if verb == method and path in asked]

    def add_document(self, pages: int, lines: int = 3, *, owner: str = "alice", name: str = "Deeds") -> Document:
        """A document with drawn pages, and a text for each line in the layer `manual`."""
        pk = len(self.documents) + 1
        manual = Layer(self.new_pk(), "manual")
        document = Document(pk, name, owner, [manual], [])
        for number in range(pages):
            page_pk = self.new_pk()
            uri = f"/media/documents/{pk}/page_{number:03}.png"
            made = [self._line(page_pk, place) for place in range(lines)]
            document.pages.append(Page(page_pk, "", made, _drawn(lines, number), uri))
            for place, line in enumerate(made):
                self.add_text(line["pk"], manual.pk, f"some words {number} {place}", author="alice")
        self.documents[pk] = document
        return document

    def add_text(self, line: int, layer: int, content: str, author: str = "", confidence: float | None = None) -> int:
        pk = self.new_pk()
        self.texts[pk] = {
            "pk": pk,
            "line": line,
            "transcription": layer,
            "content": content,
            "graphs": None,
            "avg_confidence": confidence,
            "versions": [],
            "version_author": author,
            "version_source": "eScriptorium",
            "version_updated_at": NOW,
        }
        return pk

    def layer_texts(self, layer: str) -> dict[int, str]:
        """Contents by line, of the layers of that name."""
        pks = {item.pk for document in self.documents.values() for item in document.layers if item.name == layer}
        return {text["line"]: text["content"] for text in self.texts.values() if text["transcription"] in pks}

    def _line(self, page: int, place: int) -> dict[str, Any]:
        y = 60 + 60 * place
        return {
            "pk": self.new_pk(),
            "document_part": page,
            "external_id": f"l{place}",
            "order": place,
            "region": None,
            "baseline": [[40, y], [500, y]],
            "mask": [[40, y - 30], [500, y - 30], [500, y + 10], [40, y + 10]],
            "typology": None,
        }

    # ---- answers

    def answer(self, method: str, path: str, query: dict[str, str], user: str, body: Any) -> tuple[int, Any]:
        for pattern, verb, action in self._routes():
            found = re.fullmatch(pattern, path)
            if found and verb == method:
                return action(user, query, body, *map(int, found.groups()))
        if any(re.fullmatch(pattern, path) for pattern, _, _ in self._routes()):
            raise Refused(405, {"detail": f'Method "{method}" not allowed.'})
        raise Refused(404, "<!doctype html><html>Not Found</html>")

    def _routes(self) -> list[tuple[str, str, Callable[..., tuple[int, Any]]]]:
        document, page = r"/api/documents/(\d+)/", r"/api/documents/(\d+)/parts/(\d+)/"
        return [
            (r"/api/users/current/", "GET", self._user),
            (r"/api/documents/", "GET", self._document_list),
            (document, "GET", self._document),
            (document + "parts/", "GET", self._page_list),
            (document + "transcriptions/", "GET", self._layer_list),
            (document + "transcriptions/", "POST", self._new_layer),
            (document + r"transcriptions/(\d+)/", "PATCH", self._change_layer),
            (page, "GET", self._page),
            (page + "lines/", "GET", self._line_list),
            (page + "transcriptions/", "GET", self._text_list),
            (page + "transcriptions/bulk_create/", "POST", self._bulk_create),
            (page + "transcriptions/bulk_update/", "PUT", self._bulk_update),
            (r"/api/tasks/", "POST", self._new_task),
            (r"/api/tasks/(\d+)/", "GET", self._task),
            (r"/api/tasks/(\d+)/", "PATCH", self._change_task),
        ]

    def _user(self, user: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        names = {"first_name": "", "last_name": "", "date_joined": NOW, "last_login": None}
        flags = {"is_active": True, "is_staff": False, "can_invite": False}
        return 200, {"pk": 2, "username": user, "email": f"{user}@example.org", **names, **flags}

    def _document_list(self, user: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        own = [self._document_json(item) for item in self.documents.values() if item.is_open_to(user)]
        return 200, self._paged(own, query, "/api/documents/", 10, 50)

    def _document(self, user: str, query: dict[str, str], body: Any, pk: int) -> tuple[int, Any]:
        document = self.documents.get(pk)
        if document is None or not document.is_open_to(user):
            raise Refused(404, {"detail": "No Document matches the given query."})
        return 200, self._document_json(document)

    def _document_json(self, document: Document) -> dict[str, Any]:
        return {
            "pk": document.pk,
            "name": document.name,
            "project": "lab-project",
            "transcriptions": [layer.json() for layer in document.layers],
            "main_script": "Latin",
            "read_direction": document.read_direction,
            "line_offset": document.line_offset,
            "show_confidence_viz": False,
            "valid_block_types": [{"pk": 2, "name": "Main"}],
            "valid_line_types": [],
            "valid_part_types": [],
            "parts_count": len(document.pages),
            "tags": [],
            "created_at": NOW,
            "updated_at": NOW,
            "project_name": "Lab project",
            "project_id": 2,
            "shared_with_users": [],
            "shared_with_groups": [],
        }

    def _own(self, user: str, pk: int) -> Document:
        document = self.documents.get(pk)
        if document is None or not document.is_open_to(user):
            raise Refused(403, {"detail": "You do not have permission to perform this action."})
        return document

    def _page_list(self, user: str, query: dict[str, str], body: Any, pk: int) -> tuple[int, Any]:
        pages = [_page_json(place, page) for place, page in enumerate(self._own(user, pk).pages)]
        return 200, self._paged(pages, query, f"/api/documents/{pk}/parts/", 10, 50)

    def _find_page(self, user: str, pk: int, page: int) -> tuple[int, Page]:
        for place, found in enumerate(self._own(user, pk).pages):
            if found.pk == page:
                return place, found
        raise Refused(404, {"detail": "No DocumentPart matches the given query."})

    def _page(self, user: str, query: dict[str, str], body: Any, pk: int, page: int) -> tuple[int, Any]:
        place, found = self._find_page(user, pk, page)
        more = {"regions": [], "lines": found.lines, "previous": None, "metadata": [], "next": None}
        return 200, {**_page_json(place, found), **more}

    def _line_list(self, user: str, query: dict[str, str], body: Any, pk: int, page: int) -> tuple[int, Any]:
        lines = self._find_page(user, pk, page)[1].lines
        return 200, self._paged(lines, query, f"/api/documents/{pk}/parts/{page}/lines/", 10, 50)

    def _text_list(self, user: str, query: dict[str, str], body: Any, pk: int, page: int) -> tuple[int, Any]:
        lines = {line["pk"] for line in self._find_page(user, pk, page)[1].lines}
        layer = int(query["transcription"])
        texts = [text for text in self.texts.values() if text["line"] in lines and text["transcription"] == layer]
        path = f"/api/documents/{pk}/parts/{page}/transcriptions/?transcription={layer}"
        # a size of its own, that nobody can change
        return 200, self._paged(texts, {**query, "paginate_by": "100"}, path, 100, 100)

    def _layer_list(self, user: str, query: dict[str, str], body: Any, pk: int) -> tuple[int, Any]:
        return 200, [layer.json() for layer in self._own(user, pk).layers if not layer.archived]

    def _new_layer(self, user: str, query: dict[str, str], body: Any, pk: int) -> tuple[int, Any]:
        layers = self._own(user, pk).layers
        if any(layer.name == body["name"] for layer in layers):
            named = [layer for item in self.documents.values() for layer in item.layers if layer.name == body["name"]]
            if len(named) > 1:
                raise Refused(500, _HTML)  # it looks the name up in all documents, and finds two
            return 201, named[0].json()
        layers.append(Layer(self.new_pk(), body["name"], comments=body.get("comments")))
        return 201, layers[-1].json()

    def _change_layer(self, user: str, query: dict[str, str], body: Any, pk: int, layer: int) -> tuple[int, Any]:
        found = next(item for item in self._own(user, pk).layers if item.pk == layer)
        found.avg_confidence = body.get("avg_confidence", found.avg_confidence)
        found.comments = body.get("comments", found.comments)
        return 200, found.json()

    def _bulk_create(self, user: str, query: dict[str, str], body: Any, pk: int, page: int) -> tuple[int, Any]:
        # as the real one: no look at whose document it is
        known = {line["pk"] for item in self.documents.values() for page_ in item.pages for line in page_.lines}
        pairs = {(text["line"], text["transcription"]) for text in self.texts.values()}
        errors = [_text_errors(line, known, pairs) for line in body["lines"]]
        if any(errors):
            raise Refused(400, errors)
        made = [
            self.add_text(line["line"], line["transcription"], line["content"], "", line.get("avg_confidence"))
            for line in body["lines"]
        ]
        return 200, {"status": "ok", "lines": [self.texts[text] for text in made]}

    def _bulk_update(self, user: str, query: dict[str, str], body: Any, pk: int, page: int) -> tuple[int, Any]:
        for line in body["lines"]:
            text = self.texts[line["pk"]]
            text.update({**line, "version_author": user, "versions": [{"data": {"content": text["content"]}}]})
        return 200, [self.texts[line["pk"]] for line in body["lines"]]

    def _new_task(self, user: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if not self.takes_tasks:
            raise Refused(403, {"detail": "You do not have permission to perform this action."})
        pk = self.new_pk()
        empty = {"started_at": None, "done_at": None, "queued_at": NOW, "document_part": None}
        self.tasks[pk] = {"pk": pk, **empty, **body}
        return 201, self.tasks[pk]

    def _task(self, user: str, query: dict[str, str], body: Any, pk: int) -> tuple[int, Any]:
        return 200, self.tasks[pk]

    def _change_task(self, user: str, query: dict[str, str], body: Any, pk: int) -> tuple[int, Any]:
        self.tasks[pk].update(body)
        if self.cancelled_at is not None and self.cancelled_at in self.tasks[pk]["messages"]:
            self.tasks[pk]["workflow_state"] = 4
        return 200, self.tasks[pk]

    def _paged(self, items: list[Any], query: dict[str, str], path: str, usual: int, most: int) -> dict[str, Any]:
        size = min(int(query.get("paginate_by", usual)), most)
        page = int(query.get("page", 1))
        if page > 1 and (page - 1) * size >= len(items):
            raise Refused(404, {"detail": "Invalid page."})
        joined = f"{self.url}{path}{'&' if '?' in path else '?'}page="
        kept = f"&paginate_by={size}" if "paginate_by" in query else ""
        following = f"{joined}{page + 1}{kept}" if page * size < len(items) else None
        previous = f"{joined}{page - 1}{kept}" if page > 1 else None
        shown = items[(page - 1) * size : page * size]
        return {"count": len(items), "next": following, "previous": previous, "results": shown}


def _text_errors(line: dict[str, Any], known: set[int], pairs: set[tuple[int, int]]) -> dict[str, list[str]]:
    if line["line"] not in known:
        return {"line": [f'Invalid pk "{line["line"]}" - object does not exist.']}
    if (line["line"], line["transcription"]) in pairs:
        return {"non_field_errors": ["The fields line, transcription must make a unique set."]}
    if len(line["content"]) > 2048:
        return {"content": ["Ensure this field has no more than 2048 characters."]}
    return {}


def _page_json(place: int, page: Page) -> dict[str, Any]:
    thumbnails = {"card": f"{page.uri}.180x180_q85_crop-smart.png", "large": f"{page.uri}.1000x1000_q85.png"}
    return {
        "pk": page.pk,
        "name": page.name,
        "filename": page.uri.rpartition("/")[2],
        "title": f"Element {place + 1}",
        "typology": None,
        "image": {"uri": page.uri, "size": [WIDTH, HEIGHT], "thumbnails": thumbnails},
        "image_file_size": len(page.image),
        "original_filename": page.uri.rpartition("/")[2],
        "workflow": {},
        "order": place,
        "recoverable": False,
        "transcription_progress": page.progress,
        "source": "",
        "max_avg_confidence": None,
        "comments": None,
        "updated_at": NOW,
    }


def _drawn(lines: int, seed: int) -> bytes:
    image = Image.new("L", (WIDTH, HEIGHT), 235)
    pen = ImageDraw.Draw(image)
    for place in range(lines):
        pen.text((45, 40 + 60 * place), f"some words {seed} {place}", fill=30, font_size=28)
    kept = BytesIO()
    image.save(kept, "PNG")
    return kept.getvalue()
