"""Prompts, versions of assistants, their stages and rollouts."""

from __future__ import annotations

from schemas.stored import FLAG, MOMENT, NUMBER, TEXT, WHOLE, Column, StoredTable

PROMPTS = StoredTable(
    "prompts",
    Column("prompt_id", TEXT),  # of its content
    Column("name", TEXT),
    Column("content", TEXT, json=True),  # template, roles, variables, examples
    Column("author", TEXT),
    Column("at", MOMENT),
    Column("ordinal", WHOLE),  # greater is later; a name's numbers 1, 2, ... go by it
    Column("note", TEXT, ""),
    Column("commit", TEXT, None),  # of the git repository that the file is in
    statistics="ordinal",
    leased=False,  # a server stores what it answers by, whoever writes meanwhile
)

ASSISTANT_VERSIONS = StoredTable(
    "assistant_versions",
    Column("version", TEXT),  # SHA-256 of the specification
    Column("assistant", TEXT),
    Column("spec", TEXT, json=True),
    Column("author", TEXT),
    Column("at", MOMENT),
    Column("ordinal", WHOLE),  # greater is later; the first row of a version counts
    Column("note", TEXT, ""),
    Column("followed", TEXT, None),  # of a frozen version, the one that it was made of
    statistics="ordinal",
    leased=False,
)

ASSISTANT_STAGES = StoredTable(
    "assistant_stages",
    Column("assistant", TEXT),
    Column("version", TEXT),
    Column("stage", TEXT),  # dev | staging | production | archived | rejected
    Column("actor", TEXT),
    Column("reason", TEXT),
    Column("at", MOMENT),
    Column("run_id", TEXT),
    Column("ordinal", WHOLE),  # greater is later
    Column("resolved", TEXT, {}, json=True),  # what its policies gave then
    statistics="ordinal",
    leased=False,  # a server that starts says what it answers by, whoever writes meanwhile
)

ASSISTANT_GATES = StoredTable(
    "assistant_gates",
    Column("gate_id", TEXT),  # of both versions, the questions and the measure
    Column("assistant", TEXT),
    Column("candidate", TEXT),
    Column("current", TEXT),
    Column("passed", FLAG),
    Column("verdict", TEXT, json=True),  # figures and ids of questions, no text of one
    Column("actor", TEXT),
    Column("at", MOMENT),
    Column("ordinal", WHOLE),  # greater is later
    statistics="ordinal",
    leased=False,
)

ROLLOUTS = StoredTable(
    "rollouts",
    Column("rollout", TEXT),
    Column("ordinal", WHOLE),  # greater is later; the newest of a rollout says where it is
    Column("assistant", TEXT),
    Column("candidate", TEXT),  # versions
    Column("current", TEXT),
    Column("share", NUMBER),  # of users that the candidate answers
    Column("state", TEXT),  # running | paused | promoted | rolled_back | expired
    Column("plan", TEXT, json=True),  # schedule and limits, the same in every row
    Column("statistics", TEXT, json=True),  # what the step rests on
    Column("actor", TEXT),
    Column("reason", TEXT),
    Column("at", MOMENT),
    statistics="ordinal",
)

JUDGEMENTS = StoredTable(
    "judgements",
    Column("request_id", TEXT),
    Column("judge", TEXT),  # the model, or none
    Column("ordinal", WHOLE),  # microseconds since 1970: greater is later
    Column("measure", TEXT),  # pair: which of two versions answered better; faithfulness, ...
    Column("verdict", TEXT),  # candidate | current | equal | judged | not_judged
    Column("score", NUMBER),  # of a pair 1, -1 or 0 for the candidate; else from 0 to 1
    Column("reason", TEXT),
    Column("rollout", TEXT),
    Column("arm", TEXT),  # that answered the user
    Column("result", TEXT, json=True),  # the other version's answer, the judge's two verdicts
    Column("prompt", TEXT),  # SHA-256 of the judge's prompt
    Column("at", MOMENT),
    statistics="ordinal",
    leased=False,  # several write at a time
)

MODEL_CALLS = StoredTable(
    "model_calls",
    Column("at", MOMENT),
    Column("purpose", TEXT),  # judge | teacher | gate | rollout | replay
    Column("endpoint", TEXT),
    Column("model", TEXT),
    Column("prompt_tokens", WHOLE),
    Column("completion_tokens", WHOLE),
    Column("cached_tokens", WHOLE),
    Column("counted_by", TEXT),  # endpoint | almanac
    Column("usd", TEXT, None),  # exact; null: the price was not known
    Column("cost_micros", WHOLE, None),  # millionths of a dollar
    Column("assistant", TEXT, ""),
    statistics="at",
    leased=False,  # several write at a time
)

TABLES = (
    PROMPTS,
    ASSISTANT_VERSIONS,
    ASSISTANT_STAGES,
    ASSISTANT_GATES,
    ROLLOUTS,
    JUDGEMENTS,
    MODEL_CALLS,
)
