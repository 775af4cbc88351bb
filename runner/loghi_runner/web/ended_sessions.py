"""Sessions that somebody has signed out of: a copy of their cookie opens nothing until they would be over anyway."""

import hashlib
import json
import logging
import threading
import time
from pathlib import Path

from loghi_contract.files import read_plain
from loghi_runner.files import write_atomically

_log = logging.getLogger(__name__)

#: For each user the last ones; so nobody can push those of others out of the list.
_MOST_OF_ONE_USER = 20
_MOST_BYTES = 16 << 20


class EndedSessions:
    """Kept in a file, so that they stay ended when the service is started again; by the digests of their words."""

    def __init__(self, file: Path, session_s: float) -> None:
        self._file = file
        self._session_s = session_s
        self._writing = threading.Lock()
        #: by a session's digest: when it would be over by itself, and whose it was; the oldest first
        self._ended: dict[str, tuple[float, str]] = {}
        try:
            kept = json.loads(read_plain(file, _MOST_BYTES, follow_links=False))
            self._ended = {str(digest): (float(until), str(user)) for digest, until, user in kept}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as error:
            _log.warning("%s cannot be read, sessions signed out of before now may be open again: %s", file, error)

    def __contains__(self, word: str) -> bool:
        return _digest(word) in self._ended

    def add(self, word: str, user: str) -> None:
        with self._writing:
            now = time.time()
            ended = {digest: kept for digest, kept in self._ended.items() if now < kept[0]}
            own = [digest for digest, kept in ended.items() if kept[1] == user]
            for digest in own[: max(0, len(own) + 1 - _MOST_OF_ONE_USER)]:
                del ended[digest]
            self._ended = ended | {_digest(word): (now + self._session_s, user)}
            rows = [(digest, *kept) for digest, kept in self._ended.items()]
            try:
                write_atomically(self._file, json.dumps(rows))
            except OSError as error:
                _log.warning("%s cannot be written, sessions are ended until the service ends: %s", self._file, error)


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
