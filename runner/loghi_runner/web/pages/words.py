"""Words of the page for what the code names by values; each is translated where it is shown."""

from loghi_runner.orders.actions import Action
from loghi_runner.orders.orders import Stage
from loghi_runner.web.pages.language import N_

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
