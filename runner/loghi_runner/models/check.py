"""The base model of a run, looked at before anything is started."""

from dataclasses import dataclass
from pathlib import Path

from loghi_contract.model_folder import CONFIG_FILE, ModelFacts, ModelFolderError, inspect_model_folder, require_config
from loghi_contract.networks import LIBRARY, vgsl_fault
from loghi_contract.tokenizer import CHARLIST_FILE, TOKENIZER_FILE
from loghi_runner.config.schema import VgslModel
from loghi_runner.findings import Finding, Severity

#: A network from scratch has no file to measure; Loghi's largest library network takes this much.
_NEW_NETWORK_BYTES = 125_000_000
_EXAMPLE = "None,None,64,1 Cr3,3,16 Mp2,2,2,2 Bn Rc3 Bl64 D50 Fs92"


@dataclass(frozen=True)
class BaseModelCheck:
    """`folder` is the real folder to mount, `bytes` the size of the model; both None and 0 when unusable."""

    facts: ModelFacts | None
    folder: Path | None
    bytes: int
    findings: tuple[Finding, ...]


def check_base_model(base_model: Path | VgslModel) -> BaseModelCheck:
    """What the base model is and whether it can be used; nothing in it is run or changed."""
    if isinstance(base_model, VgslModel):
        fault = vgsl_fault(base_model.vgsl.strip() or "nothing")
        if fault is not None:
            hint = f"Use one of {', '.join(LIBRARY)}, or a specification such as {_EXAMPLE!r}."
            return _unusable("model.vgsl", f"the network specification cannot be read: {fault}", hint)
        message = f"no base model: a new network is trained from scratch, {base_model.vgsl}"
        finding = Finding(Severity.INFO, "model.from_scratch", message, "base_model")
        return BaseModelCheck(None, None, _NEW_NETWORK_BYTES, (finding,))
    try:
        facts = inspect_model_folder(base_model)
        size = facts.model_file.stat().st_size
    except ModelFolderError as error:
        return _unusable(error.code, error.message, error.hint)
    except OSError as error:
        message = f"the base model cannot be read: {error.strerror}: {error.filename}"
        return _unusable("model.unreadable", message, "Ask its owner for permission, or correct the path.")
    folder = base_model.resolve()
    parts = (folder / name for name in (facts.model_file.name, TOKENIZER_FILE, CHARLIST_FILE, CONFIG_FILE))
    astray = next((part for part in parts if not part.resolve().is_relative_to(folder)), None)
    if astray:
        message = f"{astray.name} in {base_model} is a symbolic link to {astray.resolve()}, outside the folder"
        hint = f"The trainer sees the folder only: copy it with `cp -rL {base_model} NEW_FOLDER` and name that."
        return _unusable("model.symlink", message, hint)
    findings = [_keras2(facts)] if facts.is_keras2 else []
    try:
        require_config(base_model)
    except ModelFolderError as error:
        # the run needs nothing of it, and the new model gets its own
        findings.append(Finding(Severity.WARNING, error.code, error.message, "base_model", error.hint))
    return BaseModelCheck(facts, folder, size, tuple(findings))


def _unusable(code: str, message: str, hint: str) -> BaseModelCheck:
    return BaseModelCheck(None, None, 0, (Finding(Severity.ERROR, code, message, "base_model", hint),))


def _keras2(facts: ModelFacts) -> Finding:
    return Finding(
        Severity.INFO,
        "model.keras2",
        f"the base model is a Keras 2 model ({facts.keras_version}): it is rebuilt for Keras 3 in memory, "
        f"{facts.model_file} stays as it is",
        where="base_model",
    )
