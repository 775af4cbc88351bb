"""The commented config that `loghi-runner init` writes; the values shown are the defaults."""

import re
import sys

import yaml

_TEMPLATE = """\
# One fine-tuning run. Fill in base_model and train, then type: loghi-runner check {file}
# Paths begin at this file's folder. A line that begins with # is off; remove the # to use it.

# name: bonnevie_finetuned    # name of the new model; default: this file's name; only letters, digits . _ -
base_model: {base_model} # folder of the Loghi model to start from, often named best_val
# base_model: {{vgsl: recommended}}    # instead of a folder: a new network, trained from scratch

data:                         # line lists: one line image a line, as image<TAB>text
  train: {train} # lines to learn from; several lists: [a.txt, b.txt]
  # validation: val.txt       # lines that choose the best epoch; default: some pages of train
  # test: test.txt            # lines that choose nothing: an honest score, before and after; default: none
  # base_domain: old.txt      # lines in the base model's own hands: does it forget them? default: none
  # root: /srv/htr            # where the image paths in the lists begin; default: each list's own folder
  # pages: my_pages           # instead of lists: page images with PAGE XML or ALTO
  # split: {{validation: 0.1, test: 0.1, seed: 1}}    # shares of the lines; whole pages are set aside
  # cut: loghi                # how lines are cut: loghi | polygon (by the line's outline)
  # text_equiv: lowest        # a line with several texts: lowest index | last in the file
  # skip_tags: [unclear]      # lines marked so are left out: unclear, gap, sic
  # skip_machine_read: false  # true: lines that only a machine read (index 1 and above) are left out
  # style_marks: false        # true: Loghi's marks for underlined, struck out, raised and lowered letters

output: {output} # folder for the runs; each run makes its own folder in it

training:
  epochs: 15                  # how often the lines are gone through, at most
  batch_size: 8               # lines per step; less if memory runs out, or auto
  learning_rate: 0.001        # smaller is slower and safer
  early_stopping: 5           # end after so many epochs without a better score; 0: never
  seed: 1                     # the same seed gives the same run
  augmentation: light         # small random changes to the images: light | none
  precision: auto             # auto | float32 (slower, exact everywhere)
  freeze: []                  # parts of the base model that stay as they are: conv, recurrent, dense

charset: extend               # letters new to the base model: extend (learn them) | fail (stop) | replace
text:
  normalization: auto         # Unicode form of the texts: auto | nfc | none
engine:
  kind: auto                  # auto | docker | local (no container)
  gpus: auto                  # auto (a free one) | none | 1 (the freest) | [GPU-<uuid>]
  # image: my-image:1         # container image; default: the one of this version
  # memory: 16 GB             # most memory of the container; default: four fifths of the machine's

# platform:                   # instead of train or pages: a document of eScriptorium
#   url: https://escriptorium.example.org
#   token_file: token.txt     # your account's token alone, chmod 600
#   document: 12              # its number in the address
#   layer: manual             # the transcription to learn from
#   pages: [101, 102]         # numbers of pages; default: all that have text
#   write_back: pulled        # pages the new model reads for the platform: none | pulled | all | [numbers]
"""

#: The column in which the comments begin.
_COLUMN = 29


def config_template(*, file: str = "config.yaml", base_model: str = "", train: str = "", output: str = "runs") -> str:
    """The text of a new config; paths left out are left to the user."""
    values = {"base_model": base_model, "train": train, "output": output}
    prefixes = {"base_model": "base_model: ", "train": "  train: ", "output": "output: "}
    filled = {key: (value and yaml_text(value)).ljust(_COLUMN - len(prefixes[key])) for key, value in values.items()}
    return _TEMPLATE.format(file=file, **filled)


def yaml_text(text: str) -> str:
    """Text as it stands in YAML: plain where every reader, old or new, takes that for text, else in quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=sys.maxsize).rstrip("\n")


# Source: YAML 1.1, types bool and null; YAML 1.2.2, section 10.
_PLAIN = re.compile(r"(?:\.{0,2}/)?[^\W\d]\w*(?:[./-]+\w+)*|\.")
_RESERVED = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
