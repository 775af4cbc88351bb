"""The names of the splits."""

from enum import Enum


class Split(str, Enum):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    BASE_DOMAIN = "base_domain"


#: The words for a split, as in "492 training lines".
SPLIT_WORDS = {
    Split.TRAIN: "training",
    Split.VAL: "validation",
    Split.TEST: "test",
    Split.BASE_DOMAIN: "base domain",
}
