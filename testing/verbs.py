"""Every verb of the command line with arguments that a full house answers.

A new verb belongs into one of the three lists: a test compares them with the command line.
"""

from __future__ import annotations

from testing.full_house import ADAPTER, ASSISTANT, Names

Arguments = tuple[str, ...]

# Verbs that need a model, a server, a terminal or a process of their own, and where they are tried.
ELSEWHERE = {
    "up": "tests/supervisor",
    "deploy": "tests/deploy",
    "alarms test": "tests/supervisor",
    "serve": "tests/serving",
    "mcp": "tests/serving",
    "ask": "tests/serving",
    "replay": "tests/serving",
    "bisect": "tests/serving",
    "prompt preview": "tests/assistants",
    "assistant gate": "tests/assistants",
    "golden draft": "tests/assistants",
    "golden approve": "tests/assistants",
    "nightly": "testing.house.night, without Prefect",
    "plan": "tests/cli",
    "backfill": "tests/flows",
    "tune": "tests/flows",
    "adapters serve": "tests/adapters",
    "init": "tests/cli",
    "cache status": "tests/serving",
    "cache calibrate": "tests/serving",
    "cache clear": "tests/serving",
    "judge run": "tests/judging",
    "judge status": "tests/judging",
    "keys create": "tests/serving",
    "keys list": "tests/serving",
    "keys revoke": "tests/serving",
    "quarantine retry": "a night",
    "upgrade": "tests/compat",
    "triage run": "triage",
}


def reading(names: Names) -> dict[str, Arguments]:
    """Verbs that store nothing."""
    return {
        "history": (),
        "runs": (),
        "documents": (),
        "search": ("printer badge", "--mode", "text"),
        "diff": ("4", "5"),
        "status": (),
        "trace": ("fault",),
        "drift": (),
        "cost": (),
        "access who": ("mail.md",),
        "quarantine list": ("--all",),
        "verify": ("--quick",),
        "retention plan": (),
        "lease show": (),
        "feedback status": (),
        "feedback show": ("fault",),
        "triage list": (),
        "triage show": ("fault",),
        "dataset list": (),
        "dataset show": (),
        "dataset diff": (names.dataset, names.dataset),
        "dataset export": ("--to", "exported"),
        "adapters list": (),
        "adapters show": (ADAPTER,),
        "adapters history": (),
        "adapters fetch": (ADAPTER, "--to", "fetched"),
        "prompt list": (),
        "prompt show": ("answer",),
        "prompt diff": ("answer", "answer"),
        "assistant list": (),
        "assistant show": (names.candidate,),
        "assistant diff": (names.candidate, names.other),
        "assistant history": (),
        "rollout status": (),
        "rollout history": (),
    }


def writing(names: Names) -> dict[str, Arguments]:
    """Verbs that store something, in an order in which each can be done after those before it."""
    return {
        "feedback import": ("log.jsonl", "votes.jsonl"),
        "feedback drain": (),
        "triage": ("--all",),
        "triage label": ("--in", "labels.jsonl"),
        "dataset build": (),
        "quarantine dismiss": ("--rule", "pdf_is_readable", "--reason", "seen", "--yes"),
        "prompt push": ("answer.j2", "--name", "again"),
        "assistant create": (ASSISTANT, "--set", "retrieval.k=6"),
        "assistant freeze": (names.other,),
        "rollout pause": (names.rollout,),
        "rollout resume": (names.rollout,),
        "rollout check": (names.rollout,),
        "rollout stop": (names.rollout,),
        "rollout start": (ASSISTANT, names.other),
        "assistant stage": (names.other, "production", "--without-gate", "--reason", "tried"),
        "assistant rollback": (ASSISTANT,),
        "adapters approve": (ADAPTER,),
        "adapters rollback": ("--base",),
        "adapters reject": (ADAPTER,),
        "doctor": ("--heal",),
        "retention apply": ("--yes",),
        "restore": ("--as-of", "3", "--yes"),
        "withdraw": ("6", "--reason", "tried", "--yes"),
        "erase": ("--doc", "forget-2.md", "--yes"),
        "lease break": ("--reason", "tried", "--yes"),
    }
