"""Character and word errors of a recognised line."""

from rapidfuzz.distance import Levenshtein

from loghi_contract.counts import ErrorCounts


def count_errors(reference: str, recognized: str) -> ErrorCounts:
    """Compare one line; both texts must have gone through the same normalisation."""
    reference_words, recognized_words = reference.split(), recognized.split()
    return ErrorCounts(
        lines=1,
        edits=Levenshtein.distance(reference, recognized),
        characters=len(reference),
        word_edits=Levenshtein.distance(reference_words, recognized_words),
        words=len(reference_words),
        wrong=int(reference != recognized),
    )
