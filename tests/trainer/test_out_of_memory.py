"""A lack of memory is told as such, whoever in the trainer notices it."""

import pytest

from loghi_contract.exit_codes import ExitCode
from loghi_trainer.errors import as_out_of_memory


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("can't start new thread"), ResourceExhaustedError("OOM when allocating")]
)
def test_a_lack_of_memory_is_no_fault_of_the_trainer(error: Exception) -> None:
    found = as_out_of_memory(error, on_card=False, limit=None)
    assert found is not None
    assert (found.code, found.exit_code) == ("memory.out_of_memory", ExitCode.ENGINE)


def test_a_limit_of_memory_is_named() -> None:
    found = as_out_of_memory(MemoryError(), on_card=False, limit="a process may take 1500 MB here (`ulimit -v`)")
    assert found is not None and "1500 MB here (`ulimit -v`)" in found.message


def test_on_a_card_it_is_the_cards_memory() -> None:
    found = as_out_of_memory(ResourceExhaustedError(), on_card=True, limit=None)
    assert found is not None and found.code == "gpu.out_of_memory"


@pytest.mark.parametrize("words", ["CUDNN_STATUS_ALLOC_FAILED", "Dst tensor is not initialized.", "RESOURCE_EXHAUSTED"])
def test_a_card_that_is_full_is_known_by_its_words_where_no_class_tells(words: str) -> None:
    found = as_out_of_memory(RuntimeError(words), on_card=True, limit=None)
    assert found is not None and found.code == "gpu.out_of_memory"


def test_another_fault_is_another_fault() -> None:
    assert as_out_of_memory(RuntimeError("what"), on_card=False, limit=None) is None
