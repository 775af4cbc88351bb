"""What a run was made of, and which of what differs can change its result."""

from dataclasses import replace
from pathlib import Path

import pytest

from loghi_contract import events
from loghi_contract.job import Split, TrialsSpec
from loghi_contract.processor import processor_name
from loghi_runner.runs.folder import RunRecord, RunState, UsedCard
from loghi_runner.runs.made_of import MORE_TEXTS, Effect, MadeOf, differences, made_of
from loghi_runner.runs.progress import Progress
from tests.made_runs import JOB

STARTED = events.Started(
    events.Versions("0.1.0", "3.15.1", "tensorflow 2.21.0", None, "3.11.2"),
    events.Device("cpu", "processor", None),
    7,
    events.Machine("AMD EPYC (family 25, model 17)", 2, 2),
)
RECORD = RunRecord(
    "20261124-090000-abcd", "bonnevie", RunState.FINISHED, "2026-11-24T09:00:00Z",
    {"loghi-runner": "0.1.0", "contract": "1", "python": "3.12.1"}, "docker", "cpu", (), "0" * 64,
    image="loghi-runner:0.1.0-cpu", image_digest="sha256:" + "a" * 64, base_model_sha256="b" * 64,
    data_sha256={"train": "c" * 64, "val": "d" * 64},
)  # fmt: skip


def made(record: RunRecord = RECORD, started: events.Started | None = STARTED) -> MadeOf:
    progress = Progress()
    progress.started = started
    return made_of(record, progress, JOB)


def test_a_run_is_made_of_what_its_host_and_its_trainer_knew() -> None:
    versions = {"trainer": "0.1.0", "keras": "3.15.1", "tensorflow": "2.21.0", "python": "3.11.2"}
    found = made()

    assert found.versions == {"loghi-runner": "0.1.0", "contract": "1", **versions}
    assert (found.processor, found.cores, found.parts) == ("AMD EPYC (family 25, model 17)", 2, 2)
    assert differences(found, made()) == []


OTHER = made()


@pytest.mark.parametrize(
    ("now", "sentence", "effect"),
    [
        (
            replace(OTHER, base_model_sha256="e" * 64),
            "base model: sha256 bbbbbbbbbbbb then, sha256 eeeeeeeeeeee here; with that it would be another run",
            Effect.FORBIDS,
        ),
        (
            replace(OTHER, data_sha256={**OTHER.data_sha256, "val": "e" * 64}),
            "validation lines: sha256 dddddddddddd then, sha256 eeeeeeeeeeee here; with that it would be another run",
            Effect.FORBIDS,
        ),
        (
            replace(OTHER, data_sha256={**OTHER.data_sha256, Split.TEST.value: "e" * 64}),
            "test lines: none then, sha256 eeeeeeeeeeee here; with that it would be another run",
            Effect.FORBIDS,
        ),
        (
            replace(OTHER, data_sha256={**OTHER.data_sha256, MORE_TEXTS: "e" * 64}),
            "texts of text.more: none then, sha256 eeeeeeeeeeee here; with that it would be another run",
            Effect.FORBIDS,
        ),
        (
            replace(OTHER, processor="ARM"),
            "processor: AMD EPYC (family 25, model 17) then, ARM here; this can change the result",
            Effect.CHANGES,
        ),
        (replace(OTHER, cores=8), "processor cores: 2 then, 8 here; this can change the result", Effect.CHANGES),
        (
            replace(OTHER, versions={**OTHER.versions, "keras": "3.16.0"}),
            "version of keras: 3.15.1 then, 3.16.0 here; this can change the result",
            Effect.CHANGES,
        ),
        (
            replace(OTHER, job=replace(JOB, training=replace(JOB.training, seed=18))),
            "training.seed: 17 then, 18 here; this can change the result",
            Effect.CHANGES,
        ),
        (
            replace(OTHER, job=replace(JOB, straighten=True)),
            "data.straighten: false then, true here; this can change the result",
            Effect.CHANGES,
        ),
        (
            replace(OTHER, job=replace(JOB, trials=TrialsSpec("data.straighten", 2, ()))),
            "data.straighten: false then, auto here; this can change the result",
            Effect.CHANGES,
        ),
        (
            replace(OTHER, versions={**OTHER.versions, "loghi-runner": "0.2.0"}),
            "version of loghi-runner: 0.1.0 then, 0.2.0 here; this does not change the result",
            Effect.NONE,
        ),
    ],
)
def test_what_differs_is_named_with_what_it_means(now: MadeOf, sentence: str, effect: Effect) -> None:
    [found] = differences(made(), now)

    assert (found.sentence, found.effect) == (sentence, effect)


def test_the_gravest_difference_comes_first() -> None:
    now = replace(OTHER, engine="local", cores=8, base_model_sha256="e" * 64)

    effects = [found.effect for found in differences(made(), now)]

    assert effects == [Effect.FORBIDS, Effect.CHANGES, Effect.NONE]


def test_what_is_not_known_of_both_is_compared_with_nothing() -> None:
    """A run of an earlier version told nothing of its machine; what a trainer will find is not known before it runs."""
    earlier = made(replace(RECORD, data_sha256={}, image=None, image_digest=None), replace(STARTED, machine=None))

    assert differences(earlier, made()) == []
    assert differences(made(), made(started=None)) == []


def test_cards_differ_by_their_type_not_by_which_of_a_type_it_is() -> None:
    on_card = replace(STARTED, device=events.Device("gpu", "H100", None))
    h100 = made(replace(RECORD, gpus=("GPU-1",), cards=(UsedCard("H100", "9.0"),), driver="570.1"), on_card)
    same = made(replace(RECORD, gpus=("GPU-2",), cards=(UsedCard("H100", "9.0"),), driver="570.1"), on_card)
    other = made(replace(RECORD, gpus=("GPU-3",), cards=(UsedCard("A40", "8.6"),), driver="570.1"), on_card)

    assert differences(h100, same) == []
    assert [found.what for found in differences(h100, other)] == ["graphics card"]


def test_the_type_of_a_processor_is_told_though_its_name_says_little(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nstepping\t: 1\n\nmodel\t: 99\n")

    assert processor_name(cpuinfo) == "AMD EPYC (family 25, model 17, stepping 1)"
    assert processor_name(tmp_path / "none")


def test_more_texts_of_a_run_that_noted_no_hash_of_them_are_compared_with_nothing() -> None:
    earlier = replace(OTHER, job=replace(JOB, more_texts="/in/job/lists/more_texts.txt"))
    now = replace(earlier, data_sha256={**OTHER.data_sha256, MORE_TEXTS: "e" * 64})
    assert [each.key for each in differences(earlier, now)] == []
