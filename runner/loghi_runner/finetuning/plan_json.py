"""A plan, and a check of it, as programs get them; the keys are a promise to scripts."""

from typing import Any  # JSON values have no narrower type

from loghi_contract.records import to_json
from loghi_runner.engines.base import Setting
from loghi_runner.findings import Finding, Severity, finding_of
from loghi_runner.finetuning.finetune import Checked
from loghi_runner.finetuning.plan import RunPlan
from loghi_runner.finetuning.plan_facts import new_characters, split_facts
from loghi_runner.finetuning.speeds import estimate_of


def plan_json(plan: RunPlan, setting: Setting) -> dict[str, Any]:
    """What `--dry-run --json` says."""
    return {
        "kind": "plan",
        "run_id": plan.run_id,
        "run_dir": str(plan.run_dir),
        "name": plan.config.config.name,
        "engine": setting.engine,
        "image": setting.image.name if setting.image else None,
        "device": setting.device.kind.value,
        "device_reason": setting.device.sentence,
        "gpus": list(setting.device.uuids),
        "lines": {split: len(samples) for split, samples in plan.lists.items()},
        "skipped": [{"split": split, **to_json(line)} for split, line in plan.skipped],
        "mounts": [
            {"source": str(mount.source), "target": str(mount.target), "read_only": mount.read_only}
            for mount in plan.mounts
        ],
        "job": to_json(plan.job),
        "findings": [to_json(finding) for finding in plan.findings],
    }


def check_json(checked: Checked) -> dict[str, Any]:
    """What `check --json` says: the plan and more."""
    findings = findings_of(checked)
    return plan_json(checked.plan, checked.setting) | {
        "kind": "check",
        "findings": [to_json(finding) for finding in findings],
        "ready": not any(finding.severity is Severity.ERROR for finding in findings),
        "splits": {
            split.value: {"pages": facts.pages, "lines": facts.lines, "characters": facts.characters}
            for split, facts in split_facts(checked.plan).items()
        },
        "new_characters": [
            {"character": new.character, "code_point": new.code_point, "name": new.name, "count": new.count}
            for new in new_characters(checked.plan)
        ],
        "charset": checked.plan.job.charset.value,
        "estimate": estimate_of(checked.plan),
    }


def findings_of(checked: Checked) -> tuple[Finding, ...]:
    """The plan's findings and, if the engine is not ready, that too."""
    error = checked.setting.engine_error
    if error is None or any(finding.code == error.code for finding in checked.plan.findings):
        return _ordered(checked.plan.findings)
    return _ordered((*checked.plan.findings, finding_of(error)))


def _ordered(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What only explains first: what is to be done stands last, nearest to the prompt."""
    order = [Severity.INFO, Severity.WARNING, Severity.ERROR]
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))
