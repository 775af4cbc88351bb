"""Decides the few tests training scripts make: `[[ $USEBASEMODEL -eq 1 ]]` and its kin."""

import operator
from collections.abc import Callable


def decide(words: list[str]) -> bool | None:
    """Return whether a test holds; None if it is not one of the simple ones.

    Args:
        words: the words of one command, all of them known.
    """
    if words[:1] == ["!"]:
        inner = decide(words[1:])
        return None if inner is None else not inner
    if words[:1] in (["true"], [":"]):
        return True
    if words[:1] == ["false"]:
        return False
    if len(words) > 1 and (words[0], words[-1]) in (("[[", "]]"), ("[", "]")):
        return _test(words[1:-1])
    return _test(words[1:]) if words[:1] == ["test"] else None


def _test(words: list[str]) -> bool | None:
    if words[:1] == ["!"]:
        inner = _test(words[1:])
        return None if inner is None else not inner
    if len(words) == 2 and words[0] in ("-z", "-n"):
        return (words[1] == "") == (words[0] == "-z")
    if len(words) != 3:
        return None
    left, sign, right = words
    if sign in _TEXT:
        return None if any(char in right for char in "*?[") else _TEXT[sign](left, right)
    try:
        return _NUMBERS[sign](int(left), int(right)) if sign in _NUMBERS else None
    except ValueError:
        return None


_TEXT: dict[str, Callable[[str, str], bool]] = {"=": operator.eq, "==": operator.eq, "!=": operator.ne}
_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq,
    "-ne": operator.ne,
    "-gt": operator.gt,
    "-ge": operator.ge,
    "-lt": operator.lt,
    "-le": operator.le,
}
