"""skipped_lines.tsv: every line that takes no part, and why."""

from collections.abc import Iterable

from loghi_contract.lines import SkippedLine

SKIPPED_COLUMNS = ("split", "where", "image", "text", "reason", "detail")


def format_skipped(skipped: Iterable[tuple[str, SkippedLine]]) -> str:
    """A header, then one row a line; in a run the trainer appends its own rows."""
    rows = ["\t".join(SKIPPED_COLUMNS)]
    for split, line in skipped:
        fields = (split, line.where, line.image, line.text, line.reason.value, line.detail)
        rows.append("\t".join(" ".join(field.split("\t")).replace("\n", " ") for field in fields))
    return "\n".join(rows) + "\n"
