"""Languages of the web page, and its words for what the code names by values.

The gettext catalogues are read as they are written (.po), so that nothing has to be compiled.
"""

import gettext
import io
from functools import cache
from importlib.resources import files

from babel import Locale
from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from loghi_runner.orders.actions import Action
from loghi_runner.orders.orders import Stage

#: English is what the code is written in; each other one has a file in `locale`.
LANGUAGES = ("en", "de", "nl")
ENGLISH = "en"


def N_(message: str) -> str:  # noqa: N802  # gettext's own name for it
    """Mark a text of the code for the catalogues; it is translated where it is shown."""
    return message


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of one of LANGUAGES."""
    if language == ENGLISH:
        return gettext.NullTranslations()
    source = files("loghi_runner.web.pages") / "locale" / f"{language}.po"
    compiled = io.BytesIO()
    with source.open("rb") as text:
        write_mo(compiled, read_po(text, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def choose_language(chosen: str | None, accepted: str) -> str:
    """One of LANGUAGES: what somebody chose, else the best of what the browser accepts.

    Args:
        accepted: the header Accept-Language.
    """
    if chosen in LANGUAGES:
        return chosen
    return negotiate_locale(_by_wish(accepted[:500]), LANGUAGES, sep="-") or ENGLISH


def _by_wish(accepted: str) -> list[str]:
    wishes = []
    for number, part in enumerate(accepted.split(",")):
        name, _, weight = part.partition(";q=")
        try:
            wishes.append((-float(weight or 1), number, name.strip()))
        except ValueError:
            continue
    return [name for _, _, name in sorted(wishes) if name]


def own_name(language: str) -> str:
    """As its speakers call it."""
    return (Locale.parse(language).get_display_name(language) or language).capitalize()


STAGES = {
    Stage.QUEUED: N_("waiting"),
    Stage.PULLING: N_("fetching the pages"),
    Stage.CHECKING: N_("checking"),
    Stage.TRAINING: N_("training"),
    Stage.RECOGNIZING: N_("reading pages"),
    Stage.EVALUATING: N_("scoring"),
    Stage.PUSHING: N_("writing to the platform"),
    Stage.FINISHED: N_("finished"),
    Stage.FAILED: N_("failed"),
    Stage.CANCELLED: N_("stopped"),
}

ACTIONS = {
    Action.CHECK: N_("check"),
    Action.FINETUNE: N_("fine-tuning"),
    Action.RECOGNIZE: N_("recognition"),
    Action.EVALUATE: N_("evaluation"),
}

#: What the trainer is at, as its events name it.
PHASES = {
    "reading_data": N_("reading the lines"),
    "loading_model": N_("loading the model"),
    "training": N_("training"),
    "evaluating": N_("scoring the lines"),
    "saving": N_("saving"),
}

SEVERITIES = {"error": N_("error"), "warning": N_("warning"), "info": N_("note")}

#: Values of choices, by the field's own name.
CHOICES = {
    "cut": {
        "": N_("as the lines that the model learnt from"),
        "loghi": N_("as Loghi does, by baseline"),
        "polygon": N_("by their outline"),
    },
    "text_equiv": {"lowest": N_("the one with the lowest index"), "last": N_("the last one in the file, as Loghi")},
    "skip_tags": {"unclear": N_("unclear"), "gap": N_("gap"), "sic": N_("sic")},
    "by": {"page": N_("each page"), "folder": N_("each folder of pages")},
    "augmentation": {"none": N_("none"), "light": N_("light")},
    "precision": {"auto": N_("as fast as the device can"), "float32": N_("exact everywhere")},
    "freeze": {"conv": N_("image layers"), "recurrent": N_("reading layers"), "dense": N_("character layer")},
    "charset": {
        "extend": N_("learn them too"),
        "fail": N_("stop"),
        "replace": N_("learn only those of the training lines"),
    },
    "normalization": {"auto": N_("as the base model has it"), "nfc": N_("composed (NFC)"), "none": N_("as written")},
}

UNITS = {"epochs": N_("epochs"), "lines": N_("lines"), "share": N_("share")}

#: As templates know them.
WORDS = {"stages": STAGES, "actions": ACTIONS, "units": UNITS, "severities": SEVERITIES}
