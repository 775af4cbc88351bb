"""The untranscribed pages that `learning-curve --next` ranks with the best of its models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loghi_runner.config.load import load_config
from loghi_runner.finetuning.finetune import View
from loghi_runner.learning_curve.curve import Curve
from loghi_runner.models.own_pages import choose_cut
from loghi_runner.models.which_model import find_model
from loghi_runner.recognition.line_reader import ReaderOptions, open_reader
from loghi_runner.recognition.next_pages.candidates import Candidates, find_candidates
from loghi_runner.recognition.next_pages.rank import NextPages, rank_pages


@dataclass(frozen=True)
class Ranking:
    """Pages to be ranked once the curve is there, where the config trains."""

    candidates: Candidates
    options: ReaderOptions


def prepare_ranking(config_path: Path, overrides: Sequence[str], folder: Path, view: View) -> Ranking:
    """Look at the pages before hours are spent on training.

    Raises:
        RunnerError: there is nothing to rank, or the config cannot be used.
    """
    config = load_config(config_path, overrides).config
    candidates = find_candidates(folder, config.data.cut, view.progress)
    return Ranking(
        candidates,
        ReaderOptions(config.engine),
    )


def rank_with_best(ranking: Ranking, curve: Curve, view: View) -> NextPages:
    """Rank the pages with the model that has the lowest CER."""
    best = min(curve.points, key=lambda point: point.cer)
    model = find_model(best.run_dir)
    candidates = replace(ranking.candidates, cut=choose_cut(model, None, view.note))
    return rank_pages(open_reader(model.folder, ranking.options), candidates, view.progress, view.note)
