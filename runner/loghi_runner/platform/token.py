"""The token of a platform's account: where it comes from, and that it is never shown."""

import os
import re
import stat
from pathlib import Path

from loghi_runner.errors import UsageError

TOKEN_VARIABLE = "LOGHI_RUNNER_PLATFORM_TOKEN"  # noqa: S105  # a name, not a token

_FORM = re.compile(r"[A-Za-z0-9._~+/=-]{8,512}")
_HINT = f"Save it alone in a file only you can read, and name it as platform.token_file; or set {TOKEN_VARIABLE}."


def read_token(file: Path | None) -> str:
    """The token from the environment, else from the file.

    Raises:
        UsageError: there is none, it has an impossible form, or others can read the file.
    """
    token = os.environ.get(TOKEN_VARIABLE, "")
    where = TOKEN_VARIABLE
    if not token.strip():
        if file is None:
            message = "the platform asks for a token, and there is none"
            raise UsageError("platform.no_token", message, where="platform.token_file", hint=_HINT)
        token, where = _from_file(file), str(file)
    return checked_token(token, where)


def checked_token(token: str, where: str) -> str:
    """The token without blanks around it. A wrong one is not shown: it may be right somewhere else.

    Raises:
        UsageError: it has a form no token has.
    """
    token = token.strip()
    if not _FORM.fullmatch(token):
        message = "what stands there is not one token (letters and digits, without blanks)"
        raise UsageError("platform.token_form", message, where=where, hint="Copy it from your profile's API key page.")
    return token


def _from_file(file: Path) -> str:
    try:
        with file.open("rb") as content:
            mode = os.fstat(content.fileno()).st_mode
            text = content.read(4096).decode("utf-8", errors="replace")
    except OSError as error:
        message = f"the token cannot be read: {error.strerror or error}"
        raise UsageError("platform.no_token", message, where=str(file), hint=_HINT) from error
    if mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH):
        message = "others on this machine can read the platform's token: it opens the whole account"
        raise UsageError("platform.token_open", message, where=str(file), hint=f"chmod 600 {file}")
    return text
