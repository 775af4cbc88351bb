"""Where the transcription is perhaps wrong: both models read the same other character at the same place.

What models confuse often they confuse together, and that says nothing. So a slip is a confusion that is rare among
all of theirs, in a line that both read well, with everything around it read right.
"""

from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

#: A confusion met at no more places than this is rare.
_RARE = 4
#: A line is read well when at most this share of its characters is not.
_NEAR = 0.2
#: So many characters on both sides of a slip are read right by both models.
_AROUND = 3

#: Place in the reference, character there and character read; "" is nothing.
_Spot = tuple[int, str, str]


def suspected_slips(lines: Sequence[tuple[str, str, str]]) -> list[int]:
    """The places of the lines whose transcription both models contradict alike; the likeliest slips first.

    Args:
        lines: reference and two readings of each.
    """
    spots = [(_spots(reference, first), _spots(reference, second)) for reference, first, second in lines]
    met = Counter(spot[1:] for first_spots, second_spots in spots for spot in first_spots | second_spots)
    found = []
    for place, (first_spots, second_spots) in enumerate(spots):
        if not all(_is_near(lines[place][0], reading) for reading in lines[place][1:]):
            continue
        everywhere = first_spots | second_spots
        shared = [spot for spot in first_spots & second_spots if _is_alone(spot, everywhere)]
        rarest = min((met[spot[1:]] for spot in shared), default=_RARE + 1)
        if rarest <= _RARE or first_spots == second_spots != set():
            found.append((rarest, len(everywhere), place))
    return [place for _, _, place in sorted(found)]


def _spots(reference: str, reading: str) -> set[_Spot]:
    return {
        (
            edit.src_pos,
            "" if edit.tag == "insert" else reference[edit.src_pos],
            "" if edit.tag == "delete" else reading[edit.dest_pos],
        )
        for edit in Levenshtein.editops(reference, reading)
    }


def _is_near(reference: str, reading: str) -> bool:
    return bool(reference) and Levenshtein.normalized_distance(reference, reading) <= _NEAR


def _is_alone(spot: _Spot, spots: set[_Spot]) -> bool:
    return all(other == spot or abs(other[0] - spot[0]) > _AROUND for other in spots)
