"""What loghi-runner asks for on each platform, and what our things are called there."""

from typing import Literal

from loghi_runner.config.choices import PlatformKind
from loghi_runner.web.manifest.model import Permission, PlatformCall, PlatformEntry, PlatformObjects

_ACCOUNT: Literal["service account"] = "service account"
_SESSION: Literal["user's session at launch"] = "user's session at launch"

# paths are below the platform's /api/; what they answer was recorded from servers of 2024 and 2025
_ESCRIPTORIUM = PlatformEntry(
    versions="releases of June 2024 and August 2025, run; v26.07, read",
    objects=PlatformObjects(
        document="Document", page="DocumentPart", line="Line", layer="Transcription", progress="TaskReport"
    ),
    permissions=(
        Permission(
            of=_ACCOUNT,
            right="read documents that are shared with it: pages, images, lines, masks, baselines, transcriptions",
            why="this is the ground truth",
        ),
        Permission(
            of=_ACCOUNT,
            right="create a new transcription layer in these documents, and write line transcriptions in it",
            why="results are written back; no other layer is touched",
        ),
        Permission(
            of=_ACCOUNT,
            right="create and change its own task reports",
            why="progress is shown in the platform, and its Cancel is honoured; works without",
        ),
        Permission(
            of=_SESSION,
            right="read who the user is, and the document of the run; again with what they order, write or look at",
            why="to know that it is still them and the document still theirs; the session is never kept",
        ),
    ),
    calls=(
        PlatformCall(method="GET", path="users/current/", purpose="whose token or session it is"),
        PlatformCall(method="GET", path="documents/", purpose="documents to choose from"),
        PlatformCall(method="GET", path="documents/{d}/", purpose="a document and its layers"),
        PlatformCall(method="GET", path="documents/{d}/parts/", purpose="its pages, how far each is transcribed"),
        PlatformCall(method="GET", path="documents/{d}/parts/{p}/", purpose="lines and regions of a page"),
        PlatformCall(method="GET", path="documents/{d}/parts/{p}/transcriptions/", purpose="texts of a layer"),
        PlatformCall(method="GET", path="{image.uri}", purpose="images, as a page names them, of the same host"),
        PlatformCall(method="GET", path="documents/{d}/transcriptions/", purpose="layers, before a new one is made"),
        PlatformCall(method="POST", path="documents/{d}/transcriptions/", purpose="the new layer"),
        PlatformCall(method="PATCH", path="documents/{d}/transcriptions/{t}/", purpose="its comment: model, CER, run"),
        PlatformCall(
            method="POST", path="documents/{d}/parts/{p}/transcriptions/bulk_create/", purpose="texts of the new layer"
        ),
        PlatformCall(
            method="PUT",
            path="documents/{d}/parts/{p}/transcriptions/bulk_update/",
            purpose="the same again, where writing was interrupted",
        ),
        PlatformCall(method="POST", path="tasks/", purpose="a task that shows the run", optional=True),
        PlatformCall(method="PATCH", path="tasks/{t}/", purpose="how far it is", optional=True),
        PlatformCall(method="GET", path="tasks/{t}/", purpose="whether it was cancelled there", optional=True),
    ),
)

PLATFORMS: dict[str, PlatformEntry] = {PlatformKind.ESCRIPTORIUM.value: _ESCRIPTORIUM}
