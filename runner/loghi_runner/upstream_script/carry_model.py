"""Decides which base model a script trains on, or which new one it makes."""

import re

from loghi_runner.upstream_script.builder import Builder
from loghi_runner.upstream_script.found import Found, find, problem_of, shorten
from loghi_runner.upstream_script.tables import BASE_MODEL_VARIABLES, IN_IMAGE_MODELS, MODEL_LIBRARY

_KEY = "base_model"
_HINT = "Write the folder of the base model, the one that holds model.keras, as base_model."


def carry_model(builder: Builder) -> bool:
    """Carry the base model and return whether the script trains a new model from nothing.

    What the person chose counts (USEBASEMODEL), and a model written straight into the call counts more.
    """
    switch = find(builder.script, ("USEBASEMODEL",))
    base = find(builder.script, BASE_MODEL_VARIABLES) or find(builder.script, (), "existing_model")
    new = find(builder.script, ("HTRNEWMODEL",))
    written = _written_in_call(builder, base, new)
    if written:
        base, new = (written, None) if _looks_like_folder(written.text) else (None, written)
    elif switch and problem_of(builder.script, switch):
        builder.leave(switch, problem_of(builder.script, switch) or "", "It was read as 1: fine-tune a base model.")
    elif switch and switch.text != "1":
        if base and problem_of(builder.script, base, is_path=True) is None and IN_IMAGE_MODELS not in base.text:
            builder.check(
                switch,
                f"{switch.label} is {shorten(switch.text)}, so Loghi trains a new model and never opens "
                f"{base.label}. To fine-tune, write base_model: {shorten(base.text)}",
                _KEY,
            )
        new = new or find(builder.script, (), "model")
        base, new = (new, None) if new and _looks_like_folder(new.text) else (None, new)
    if base:
        _fine_tune(builder, base)
        return False
    if new:
        _start_new(builder, new)
    return new is not None


def _written_in_call(builder: Builder, base: Found | None, new: Found | None) -> Found | None:
    """Return a model that the call names by itself, not through the script's own variables."""
    for option in ("existing_model", "model"):
        found = find(builder.script, (), option)
        ours = [item.value.text for item in (base, new) if item]
        if found and problem_of(builder.script, found) is None and found.value.text not in ours:
            if option == "model" and (base or new) and not _looks_like_folder(found.text):
                continue  # the oldest scripts name the shape in the call, whatever model is used
            return found
    return None


def _looks_like_folder(text: str) -> bool:
    return "/" in text


def _fine_tune(builder: Builder, found: Found) -> None:
    if found.text.startswith(IN_IMAGE_MODELS):
        builder.leave(found, "that folder is inside an old image of Loghi, not on this machine", _HINT, _KEY)
        return
    if not builder.usable(found, _KEY, _HINT, is_path=True):
        return
    path = builder.path(found.text, found, _KEY)
    if path:
        builder.carry_found(_KEY, path, found)


def _start_new(builder: Builder, found: Found) -> None:
    if not builder.usable(found, _KEY, "Write base_model: {vgsl: recommended}, or the folder of a base model."):
        return
    builder.carry_found(f"{_KEY}.vgsl", found.text, found)
    sentence = "This trains a new model from nothing, which needs thousands of lines; for one hand, fine-tune."
    builder.check(found, sentence, _KEY)
    if not re.search(r"[ ,]", found.text) and found.text not in MODEL_LIBRARY:
        builder.check(found, f"Loghi 2 has no model shape called {shorten(found.text)}; recommended is one.", _KEY)
    elif re.match(r"None,\d+,None,", found.text):
        sentence = f"{found.label} is written as in Loghi 1; Loghi 2 puts the width first: None,None,64,1 ..."
        builder.check(found, sentence, _KEY)
