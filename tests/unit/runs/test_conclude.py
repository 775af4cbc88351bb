"""How a run ended, when the trainer says so and when it cannot."""

from dataclasses import replace

import pytest

from loghi_contract.events import Checkpoint, Epoch, Event, Failed, Finished, FinishStatus, Notice, Payload
from loghi_contract.saved_epoch import SavedEpoch
from loghi_runner.engines.base import ProcessEnd
from loghi_runner.runs.conclude import Stops, conclude
from loghi_runner.runs.explain import CRASH_MESSAGES, recognise_crash
from loghi_runner.runs.folder import RunRecord, RunState
from loghi_runner.runs.progress import Progress

RECORD = RunRecord("id", "name", RunState.RUNNING, "now", {}, "local", "cpu", (), "00")


def progress(*payloads: Payload) -> Progress:
    return Progress.of(Event(seq, float(seq), "id", payload) for seq, payload in enumerate(payloads))


def epoch(number: int, cer: float, *, is_best: bool = True) -> Epoch:
    return Epoch(number, 15, 1.0, cer, 0.5, 1e-3, 10.0, is_best)


#: One line of each program's log, as it was seen; the pattern of the table has to find it.
SEEN = {
    "storage.disk_full": "OSError: [Errno 28] No space left on device: '/out/model/best_val/model.keras'",
    "storage.quota": "OSError: [Errno 122] Disk quota exceeded",
    "gpu.out_of_memory": "ResourceExhaustedError: OOM when allocating tensor with shape[8,512]",
    "memory.out_of_memory": "numpy._core._exceptions._ArrayMemoryError: MemoryError: Unable to allocate 4 GiB",
    "gpu.driver_mismatch": "Failed to initialize NVML: Driver/library version mismatch",
    "gpu.lost": "failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected",
    "gpu.busy": "all CUDA-capable devices are busy or unavailable",
    "gpu.driver_old": "InternalError: cudaGetDevice() failed. Status: CUDA driver version is insufficient for CUDA "
    "runtime version",
    "gpu.driver_or_card": "InternalError: 'cuLaunchKernel' failed: no kernel image is available for execution on the "
    "device",
    "gpu.memory_fault": "CUDA_ERROR_ECC_UNCORRECTABLE: uncorrectable ECC error encountered",
    "gpu.fault": "InternalError: Failed to synchronize: CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was "
    "encountered",
    "gpu.library": "FailedPreconditionError: DNN library initialization failed. Look at the errors above for more.",
    "gpu.compiler": "INTERNAL: libdevice not found at ./libdevice.10.bc",
    "storage.not_writable": "OSError: [Errno 30] Read-only file system: '/out/events.jsonl'",
    "engine.local_packages": "ModuleNotFoundError: No module named 'keras'",
}


@pytest.mark.parametrize("message", CRASH_MESSAGES, ids=lambda message: message.code)
def test_each_known_message_is_recognised(message) -> None:
    found = recognise_crash(f"2026-11-22 something before\n{SEEN[message.code]}\n")
    assert found is message


@pytest.mark.parametrize("code", [code for code in SEEN if code.startswith("gpu.")])
def test_what_the_framework_says_of_a_card_is_no_fault_of_the_trainer(code: str) -> None:
    said = f"the trainer met a fault of its own: {SEEN[code]}"
    failed = Failed("trainer.bug", 1, said, "Please report it.", None, "report/traceback.txt")
    record = conclude(RECORD, progress(failed), ProcessEnd(1), "")
    assert record.error is not None
    assert (record.error.code, record.exit_code) == (code, 4)
    assert "report it" not in (record.error.hint or "")
    assert "traceback.txt" in (record.error.hint or "")


def test_an_unknown_message_is_not_guessed_at() -> None:
    assert recognise_crash("Traceback (most recent call last):\nKeyError: 'x'\n") is None
    record = conclude(RECORD, progress(), ProcessEnd(1), "KeyError: 'x'")
    assert record.error is not None
    assert record.error.message == "the trainer ended with exit code 1 and no explanation"


@pytest.mark.parametrize(
    ("end", "exit_code", "code", "state"),
    [
        (ProcessEnd(137, out_of_memory=True), 4, "memory.out_of_memory", "failed"),
        (ProcessEnd(-9), 4, "memory.out_of_memory", "failed"),
        (ProcessEnd(137), 4, "memory.out_of_memory", "failed"),
        (ProcessEnd(-15), 143, "run.terminated", "failed"),
        (ProcessEnd(-7), 4, "engine.shared_memory", "failed"),
        (ProcessEnd(-11), 5, "trainer.crashed", "failed"),
        (ProcessEnd(139), 5, "trainer.crashed", "failed"),
        (ProcessEnd(0), 1, "trainer.no_last_event", "failed"),
        (ProcessEnd(1), 1, "trainer.ended", "failed"),
        (ProcessEnd(3), 3, "trainer.ended", "failed"),
        (ProcessEnd(77), 5, "trainer.ended", "failed"),
        (ProcessEnd(None), 4, "run.lost", "lost"),
    ],
)
def test_an_end_without_a_last_word(end: ProcessEnd, exit_code: int, code: str, state: str) -> None:
    record = conclude(RECORD, progress(), end, "")
    assert record.error is not None
    assert (record.exit_code, record.error.code, record.state.value) == (exit_code, code, state)


def test_a_crash_keeps_the_model_that_is_on_disk() -> None:
    known = progress(Checkpoint("best_val", 1, "model"), epoch(1, 0.2))
    record = conclude(RECORD, known, ProcessEnd(-11), "", best=SavedEpoch(2, 0.1))  # put in place, not announced
    assert (record.best_epoch, record.best_val_cer) == (2, 0.1)
    assert record.error is not None and record.error.message.endswith("; best_val of epoch 2 is kept")


def test_a_model_that_is_not_on_disk_is_not_said_to_be_kept() -> None:
    known = progress(Checkpoint("best_val", 1, "model"), epoch(1, 0.2))
    record = conclude(RECORD, known, ProcessEnd(-11), "", best=None)
    assert record.best_epoch is None
    assert record.error is not None and "kept" not in record.error.message


def test_the_record_has_the_base_models_score_whatever_the_end() -> None:
    told = (epoch(0, 0.4), epoch(1, 0.2))
    for ended in (progress(*told), progress(*told, Finished(FinishStatus.COMPLETED, 1, 0.2, "model/best_val"))):
        assert conclude(RECORD, ended, ProcessEnd(0), "").base_val_cer == 0.4


def test_the_base_model_is_kept_before_it_is_scored() -> None:
    record = conclude(RECORD, progress(), ProcessEnd(-9), "", best=SavedEpoch(0))
    assert (record.best_epoch, record.best_val_cer) == (0, None)
    assert record.error is not None and record.error.message.endswith("; best_val of epoch 0 is kept")


def test_a_hangup_of_the_trainer_is_an_end_from_outside_and_no_crash() -> None:
    record = conclude(RECORD, progress(), ProcessEnd(-1), "")
    assert record.error is not None
    assert (record.error.code, record.exit_code) == ("run.terminated", 143)


@pytest.mark.parametrize("number", [6, 11])
def test_a_crash_under_a_limit_of_memory_names_the_limit(number: int) -> None:
    limited = progress(Notice("memory.limited", "a process may take 2500 MB here (`ulimit -v`)", "raise it"))
    record = conclude(RECORD, limited, ProcessEnd(-number), "")
    assert record.error is not None
    assert "2500 MB here (`ulimit -v`), which may be too little" in record.error.message
    assert record.error.hint == "raise it"


def test_a_kill_that_the_user_wanted_is_no_lack_of_memory() -> None:
    record = conclude(RECORD, progress(), ProcessEnd(-9), "", stops=Stops(asked=True, killed=True))
    assert (record.state, record.exit_code) == (RunState.CANCELLED, 130)


@pytest.mark.parametrize(
    ("stops", "end", "exit_code"),
    [
        (Stops(asked=True), ProcessEnd(130), 130),
        (Stops(asked=True, terminated=True), ProcessEnd(130), 143),
        (Stops(), ProcessEnd(143), 143),
        (Stops(), ProcessEnd(None), 130),
    ],
)
def test_a_cancelled_run_ends_with_the_code_of_who_stopped_it(stops: Stops, end: ProcessEnd, exit_code: int) -> None:
    cancelled = progress(epoch(0, 0.3), Finished(FinishStatus.CANCELLED, 0, 0.3, "m"))
    record = conclude(RECORD, cancelled, end, "", stops=stops)
    assert (record.state, record.exit_code) == (RunState.CANCELLED, exit_code)


def test_a_run_that_finished_before_ctrl_c_reached_it_is_finished() -> None:
    done = progress(epoch(0, 0.3), Finished(FinishStatus.COMPLETED, 0, 0.3, "m"))
    record = conclude(RECORD, done, ProcessEnd(0), "", stops=Stops(asked=True))
    assert (record.state, record.exit_code) == (RunState.FINISHED, 0)


def test_a_crash_at_the_very_end_does_not_undo_a_finished_run() -> None:
    done = progress(epoch(0, 0.3), Finished(FinishStatus.COMPLETED, 0, 0.3, "m"))
    assert conclude(RECORD, done, ProcessEnd(-11), "Segmentation fault").exit_code == 0


def test_the_trainers_own_explanation_goes_before_the_log() -> None:
    failed = progress(Failed("data.x", 3, "what", "do this", "list:3", None))
    record = conclude(RECORD, failed, ProcessEnd(3), SEEN["storage.disk_full"])
    assert record.error is not None
    assert (record.error.code, record.error.hint, record.exit_code) == ("data.x", "do this", 3)


def test_an_earlier_error_is_replaced_when_the_run_turns_out_well() -> None:
    lost = replace(RECORD, state=RunState.LOST)
    done = progress(epoch(0, 0.3), Finished(FinishStatus.COMPLETED, 0, 0.3, "m"))
    assert conclude(lost, done, ProcessEnd(None), "").error is None
