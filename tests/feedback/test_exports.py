"""What other tools export goes in as it is: requests as they were shown, votes as meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from almanac.feedback.facts import log_facts
from almanac.feedback.otlp import spans
from almanac.feedback.scale import Scale
from schemas.errors import FeedbackUnreadable
from schemas.feedback import Request
from tests.feedback.conftest import Desk, request, vote

ASKED = [
    {"role": "system", "content": "Answer from the context."},
    {"role": "user", "content": "Where is room 7?"},
]
PART = "llm.input_messages.0.message.contents.1.message_content"
PASSAGE = "Room 7 is on floor two."


def only(desk: Desk, log: str, votes: str | None = None) -> Request:
    result = desk.take(log, votes)
    assert result["requests"]["quarantined"] == result["votes"]["quarantined"] == 0
    [found] = desk.lake.requests.rows()
    return found


def votes_of(desk: Desk) -> list[tuple[str, int, str | None, str | None]]:
    return [
        (one.user_id, one.rating, one.comment, one.correction) for one in desk.lake.votes.rows()
    ]


def langfuse(**other: Any) -> dict[str, Any]:
    return {
        "id": "t1",
        "timestamp": "2026-11-23T10:00:00.000Z",
        "name": "chat",
        "input": ASKED,
        "output": {"role": "assistant", "content": "Floor one."},
        "sessionId": "s",
        "userId": "ann",
        "scores": [],
        "latency": 1.5,
    } | other


def score(name: str, value: Any, **other: Any) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "source": "API",
        "timestamp": "2026-11-23T11:00:00Z",
    } | other


def test_langfuse_traces(desk: Desk) -> None:
    scores = [
        score("user-thumbs", 0, dataType="BOOLEAN", comment="It moved."),
        score("hallucination", 1, dataType="BOOLEAN", source="EVAL"),
        score("expected", None, dataType="CORRECTION", stringValue="Floor two."),
    ]
    retrieval = {"type": "RETRIEVER", "name": "search", "output": [{"page_content": PASSAGE}]}
    trace = langfuse(scores=scores, observations=[retrieval])
    found = only(desk, desk.write("t.json", [json.dumps([trace])]))
    assert (found.question, found.response) == ("Where is room 7?", "Floor one.")
    assert (found.user_id, found.session_id, found.latency_ms) == ("ann", "s", 1500)
    assert [one.text for one in found.context] == [PASSAGE]
    assert [one["role"] for one in found.prompt] == ["system", "user"]
    assert votes_of(desk) == [("ann", -1, "It moved.", "Floor two.")]


@pytest.mark.parametrize(
    ("given", "returned"),
    [
        ("Where is room 7?", "Floor one."),
        ({"question": "Where is room 7?"}, {"answer": "Floor one."}),
        ({"messages": ASKED}, {"choices": [{"message": {"content": "Floor one."}}]}),
        ({"args": [], "kwargs": {"query": "Where is room 7?"}}, "Floor one."),
        (json.dumps({"input": "Where is room 7?"}), json.dumps({"output": "Floor one."})),
        (ASKED, [*ASKED, {"role": "assistant", "content": "Floor one."}]),
    ],
)
def test_inputs_and_outputs_of_any_shape(desk: Desk, given: Any, returned: Any) -> None:
    found = only(desk, desk.write("t.jsonl", [langfuse(input=given, output=returned)]))
    assert (found.question, found.response) == ("Where is room 7?", "Floor one.")
    assert not found.context_known


def test_scores_of_langfuse_that_come_by_themselves(desk: Desk) -> None:
    rows = [
        score("user-feedback", 1, traceId="t1", dataType="BOOLEAN", authorUserId="bob"),
        score("toxicity", 1, traceId="t1", dataType="BOOLEAN"),
    ]
    page = json.dumps({"data": rows, "meta": {"page": 1}})
    only(desk, desk.write("t.jsonl", [langfuse()]), desk.write("scores.json", [page]))
    assert votes_of(desk) == [("bob", 1, None, None)]


def test_votes_that_come_later_change_no_request(desk: Desk) -> None:
    desk.take(desk.write("a.jsonl", [langfuse()]))
    later = langfuse(scores=[score("user-thumbs", 1, dataType="BOOLEAN")])
    assert desk.counts(desk.write("b.jsonl", [later])) == {
        "requests": (1, 0, 1, 0),
        "votes": (1, 1, 0, 0),
    }


def test_columns_of_a_langfuse_export_by_paths(desk: Desk) -> None:
    desk.columns = {
        "request_id": "id",
        "asked_at": "timestamp",
        "user_id": "userId",
        "prompt": "input",
        "response": "output.content",
        "rating": "scores.0.value",
        "comment": "scores.-1.comment",
    }
    trace = langfuse(scores=[score("any", -1), score("other", 1, comment="It moved.")])
    log = desk.write("t.jsonl", [trace])
    found = only(desk, log)
    assert (found.question, found.response) == ("Where is room 7?", "Floor one.")
    assert votes_of(desk) == [("ann", -1, "It moved.", None)]
    assert "scores" not in found.details
    assert desk.counts(log)["requests"] == (1, 0, 1, 0)


def run(**other: Any) -> dict[str, Any]:
    return {
        "id": "r1",
        "trace_id": "r1",
        "run_type": "chain",
        "name": "rag",
        "parent_run_id": None,
        "inputs": {"messages": [{"type": "human", "content": "Where is room 7?"}]},
        "outputs": {"output": "Floor one."},
        "start_time": "2026-11-23T10:00:00",
        "end_time": "2026-11-23T10:00:02",
        "extra": {"metadata": {"user_id": "ann"}},
    } | other


def test_langsmith_runs_with_what_their_retrievers_found(desk: Desk) -> None:
    inner = run(
        id="r2",
        run_type="retriever",
        parent_run_id="r1",
        start_time="2026-11-23T10:00:01",
        outputs={"documents": [{"page_content": PASSAGE, "metadata": {"id": "c7"}}]},
    )
    feedback = {
        "run_id": "r1",
        "key": "user_score",
        "score": -1,
        "comment": "It moved.",
        "correction": {"answer": "Floor two."},
        "created_at": "2026-11-23T11:00:00",
    }
    found = only(desk, desk.write("runs.jsonl", [run(), inner, feedback]))
    assert (found.request_id, found.user_id) == ("r1", "ann")
    assert (found.question, found.response) == ("Where is room 7?", "Floor one.")
    assert [(one.chunk_id, one.text) for one in found.context] == [("c7", PASSAGE)]
    assert votes_of(desk) == [("anonymous:r1", -1, "It moved.", "Floor two.")]


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (
            {
                "messages": [
                    [
                        {
                            "lc": 1,
                            "type": "constructor",
                            "id": ["langchain", "HumanMessage"],
                            "kwargs": {"content": "Where is room 7?", "type": "human"},
                        }
                    ]
                ]
            },
            {"generations": [[{"text": "Floor one.", "message": {"kwargs": {"content": "x"}}}]]},
        ),
        (
            {"messages": [["human", "Where is room 7?"]]},
            {
                "messages": [
                    {"type": "human", "content": "Where is room 7?"},
                    {"type": "ai", "content": "Floor one."},
                ]
            },
        ),
        ({"question": "Where is room 7?"}, {"answer": "<think>Hm.</think>Floor one."}),
    ],
)
def test_shapes_of_langsmith(desk: Desk, inputs: Any, outputs: Any) -> None:
    found = only(desk, desk.write("runs.jsonl", [run(inputs=inputs, outputs=outputs)]))
    assert (found.question, found.response) == ("Where is room 7?", "Floor one.")


def phoenix(**attributes: Any) -> dict[str, Any]:
    return {
        "name": "ChatCompletion",
        "context": {"trace_id": "aa", "span_id": "bb"},
        "span_kind": "LLM",
        "parent_id": None,
        "start_time": "2026-11-23T10:00:00+00:00",
        "end_time": "2026-11-23T10:00:02+00:00",
        "status_code": "OK",
        "attributes": {
            "llm.model_name": "m",
            "user.id": "ann",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.contents.0.message_content.text": "Where is room 7?",
            f"{PART}.type": "image",
            f"{PART}.image.image.url": "data:image/png;base64,AAAA",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": "Floor one.",
        }
        | attributes,
    }


def test_phoenix_spans_and_annotations(desk: Desk) -> None:
    annotation = {
        "id": "x",
        "span_id": "bb",
        "name": "feedback",
        "annotator_kind": "HUMAN",
        "result": {"label": "thumbs-down", "score": -1, "explanation": "It moved."},
        "created_at": "2026-11-23T11:00:00+00:00",
    }
    judged = annotation | {"annotator_kind": "LLM", "name": "correctness"}
    page = json.dumps({"data": [phoenix()], "next_cursor": None})
    log = desk.write("spans.json", [page])
    notes = desk.write("notes.jsonl", [annotation, judged])
    found = only(desk, log, notes)
    assert (found.request_id, found.question, found.response) == (
        "aa-bb",
        "Where is room 7?",
        "Floor one.",
    )
    assert (found.model, found.user_id, found.latency_ms) == ("m", "ann", 2000)
    assert votes_of(desk) == [("anonymous:aa-bb", -1, "It moved.", None)]


def test_the_data_frame_of_phoenix(desk: Desk) -> None:
    row = {
        "context.trace_id": "aa",
        "context.span_id": "bb",
        "span_kind": "LLM",
        "name": "llm",
        "start_time": "2026-11-23T10:00:00+00:00",
        "end_time": "2026-11-23T10:00:02+00:00",
        "attributes.llm.input_messages": [
            {"message.role": "system", "message.content": "Be brief."},
            {"message.role": "user", "message.content": "Where is room 7?"},
        ],
        "attributes.llm.output_messages": [
            {"message.role": "assistant", "message.content": "Floor one."}
        ],
        "attributes.llm.token_count.prompt": 12,
        "attributes.output.value": "Floor one.",
    }
    retriever = {
        "context.trace_id": "aa",
        "context.span_id": "cc",
        "span_kind": "RETRIEVER",
        "start_time": "2026-11-23T09:59:59+00:00",
        "name": "search",
        "attributes.retrieval.documents": [
            {"document.content": PASSAGE, "document.id": "c7", "document.score": 0.5}
        ],
    }
    found = only(desk, desk.write("frame.jsonl", [row, retriever]))
    assert (found.question, found.response, found.prompt_tokens) == (
        "Where is room 7?",
        "Floor one.",
        12,
    )
    assert [(one.chunk_id, one.text) for one in found.context] == [("c7", PASSAGE)]
    assert "output.value" not in found.details


def chat_of_openwebui() -> dict[str, Any]:
    said = '<details type="reasoning" done="true">\n<summary>Thought</summary>\n> Hm.\n</details>\n'
    messages = {
        "u1": {
            "id": "u1",
            "parentId": None,
            "role": "user",
            "content": "Hi",
            "timestamp": 1795000000,
        },
        "a1": {"id": "a1", "parentId": "u1", "role": "assistant", "content": "Yes?"},
        "u2": {
            "id": "u2",
            "parentId": "a1",
            "role": "user",
            "content": "Where is room 7?",
            "timestamp": 1795000010,
        },
        "a2": {
            "id": "a2",
            "parentId": "u2",
            "role": "assistant",
            "content": f"{said}Floor one.",
            "model": "llama3",
            "annotation": {"rating": -1, "reason": "incorrect"},
            "sources": [
                {"source": {"name": "plan.pdf"}, "document": [PASSAGE], "metadata": [{"page": 3}]}
            ],
        },
    }
    return {"history": {"messages": messages, "currentId": "a2"}, "models": ["llama3"]}


def test_open_webui_feedback(desk: Desk) -> None:
    row = {
        "id": "fb-1",
        "user_id": "ann",
        "type": "rating",
        "data": {"rating": -1, "model_id": "llama3", "reason": "incorrect", "comment": ""},
        "meta": {"message_id": "a2", "chat_id": "chat-1"},
        "snapshot": {"chat": {"id": "chat-1", "chat": chat_of_openwebui()}},
        "created_at": 1795000100,
        "updated_at": 1795000200,
    }
    found = only(desk, desk.write("fb.json", [json.dumps([row])]))
    assert (found.question, found.response) == ("Where is room 7?", "Floor one.")
    assert [one["content"] for one in found.history] == ["Hi", "Yes?"]
    assert [one.text for one in found.context] == [PASSAGE]
    assert found.details["thoughts"] == "> Hm."
    assert votes_of(desk) == [("ann", -1, "incorrect", None)]


def test_open_webui_chats(desk: Desk) -> None:
    row = {
        "id": "chat-1",
        "user_id": "ann",
        "title": "Rooms",
        "chat": chat_of_openwebui(),
        "created_at": 1795000000,
        "updated_at": 1795000300,
    }
    assert desk.counts(desk.write("chats.json", [json.dumps([row])])) == {
        "requests": (2, 2, 0, 0),
        "votes": (1, 1, 0, 0),
    }
    assert [one.question for one in desk.lake.requests.rows()] == ["Hi", "Where is room 7?"]


@pytest.mark.parametrize(
    "pair",
    [
        {"prompt": "Where is room 7?", "chosen": "Floor two.", "rejected": "Floor one."},
        {
            "prompt": ASKED,
            "chosen": [{"role": "assistant", "content": "Floor two."}],
            "rejected": [{"role": "assistant", "content": "<think>Hm.</think>Floor one."}],
        },
        {
            "chosen": [*ASKED, {"role": "assistant", "content": "<think>I see.</think>Floor two."}],
            "rejected": [*ASKED, {"role": "assistant", "content": "Floor one."}],
        },
    ],
)
def test_pairs_of_trl(desk: Desk, pair: dict[str, Any]) -> None:
    log = desk.write("pairs.jsonl", [pair])
    found = only(desk, log)
    assert (found.question, found.response) == ("Where is room 7?", "Floor one.")
    assert [one[1:] for one in votes_of(desk)] == [(-1, None, "Floor two.")]
    assert desk.counts(log)["requests"] == (1, 0, 1, 0)


def test_single_answers_of_trl(desk: Desk) -> None:
    rows = [
        {"prompt": "Where is room 7?", "completion": "Floor two.", "label": True},
        {"prompt": "Where is room 7?", "completion": "Floor one.", "label": False},
    ]
    desk.take(desk.write("kto.jsonl", rows))
    facts = log_facts(desk.lake)
    assert (facts["liked"], facts["disliked"]) == (1, 1)


def test_label_studio(desk: Desk) -> None:
    result = [{"type": "pairwise", "from_name": "pw", "value": {"selected": "right"}}]
    task = {
        "id": 3,
        "data": {"prompt": "Where is room 7?", "answer1": "Floor one.", "answer2": "Floor two."},
        "annotations": [
            {"completed_by": 5, "created_at": "2026-11-23T10:00:00Z", "result": result},
            {"completed_by": 6, "was_cancelled": True, "result": result},
        ],
    }
    found = only(desk, desk.write("ls.json", [json.dumps([task])]))
    assert (found.question, found.response) == ("Where is room 7?", "Floor one.")
    assert votes_of(desk) == [("annotator:5", -1, None, "Floor two.")]


@pytest.mark.parametrize(
    ("ratings", "said"),
    [
        ([1, 2, 3, 4, 5], r"1 \(1 times\), 2 .*--rating 1\.\.2=-1,3=0,4\.\.5=1"),
        ([0, 1], r"--rating 0=-1,1=1"),
        (["1", "5"], r"--rating 1=-1,5=1"),
        ([0.25, 1.0], r"--rating 0\.25=-1,1=1"),
        ([-1, 1, 2, 3, 4, 5], "the ratings are -1"),  # -1 for none
        ([0, 50, 100], r"--rating 0=-1,50=0,100=1"),
    ],
)
def test_another_scale_is_refused_with_the_way_to_declare_it(
    desk: Desk, ratings: list[Any], said: str
) -> None:
    votes = desk.write("v.jsonl", [vote(n, rating=one) for n, one in enumerate(ratings)])
    with pytest.raises(FeedbackUnreadable, match=said):
        desk.take(None, votes)
    own = desk.write("l.jsonl", [request(n, rating=one) for n, one in enumerate(ratings)])
    with pytest.raises(FeedbackUnreadable, match=said):
        desk.take(own)
    assert desk.versions() == {"requests": 0, "votes": 0, "quarantine": 0, "lease": 0}


@pytest.mark.parametrize(
    ("declared", "ratings", "meant"),
    [
        ({"0": -1, "1": 1}, [0, 1, "1.0", 0.0], [-1, 1, 1, -1]),
        ({"1..2": -1, "3": 0, "4..5": 1}, [1, 2, 3, 4, "5"], [-1, -1, 1, 1]),
        ({"1..2": 1, "5..6": -1, "3..4": 0}, [1, 6, 3], [1, -1]),  # German marks
        ({"Great": 1, "so so": 0, "poor": -1}, ["great", "So so", "Poor"], [1, -1]),
    ],
)
def test_a_declared_scale(
    desk: Desk, declared: dict[str, int], ratings: list[Any], meant: list[int]
) -> None:
    desk.ratings = declared
    desk.take(None, desk.write("v.jsonl", [vote(n, rating=one) for n, one in enumerate(ratings)]))
    assert [one.rating for one in desk.lake.votes.rows()] == meant
    assert desk.held() == []


def test_a_rating_that_the_declared_scale_lacks_is_told_of(desk: Desk) -> None:
    desk.ratings = {"0": -1, "1": 1}
    desk.take(None, desk.write("v.jsonl", [vote(1, rating=1), vote(2, rating=7)]))
    assert desk.held() == [("votes", "q2", "rating_is_declared")]


@pytest.mark.parametrize(
    ("history", "read"),
    [
        (["Hi", "Yes?"], [("user", "Hi"), ("assistant", "Yes?")]),
        (
            ["Welcome.", "Hi", "Yes?"],
            [("assistant", "Welcome."), ("user", "Hi"), ("assistant", "Yes?")],
        ),
        (
            [["Hi", "Yes?"], ["And?", None]],
            [("user", "Hi"), ("assistant", "Yes?"), ("user", "And?")],
        ),
        (
            [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yes?"}],
            [("user", "Hi"), ("assistant", "Yes?")],
        ),
        ([], []),
    ],
)
def test_histories_as_applications_write_them(desk: Desk, history: Any, read: Any) -> None:
    found = only(desk, desk.write("l.jsonl", [request(1, history=history)]))
    assert [(one["role"], one["content"]) for one in found.history] == read


def test_the_shape_of_a_history_is_told(desk: Desk) -> None:
    desk.take(desk.write("l.jsonl", [request(1, history=[{"who": "ann"}])]))
    [row] = desk.lake.quarantine.rows()
    assert 'write [{"role": "user", "content": "..."}' in row.reason


def test_a_response_of_parts_and_a_whole_completion(desk: Desk) -> None:
    parts = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Two."}]
    whole = {
        "id": "x",
        "choices": [
            {"message": {"role": "assistant", "content": "Two.", "reasoning_content": "Hm."}}
        ],
    }
    desk.take(desk.write("l.jsonl", [request(1, response=parts), request(2, response=whole)]))
    found = desk.lake.requests.rows()
    assert [one.response for one in found] == ["Two.", "Two."]
    assert [one.details["thoughts"] for one in found] == ["Hm.", "Hm."]


def test_what_older_versions_stored_is_known_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows with thoughts and pictures, that were taken for text, are no conflict now."""
    from almanac.feedback import intake
    from almanac.feedback.contents import whole
    from almanac.feedback.rows import request_of

    picture = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    rows = [
        request(1, response="<think>Hm.</think>Two."),
        request(2, prompt=[{"role": "user", "content": picture}]),
        request(3, context=None),
    ]
    log = desk.write("l.jsonl", rows)

    def before(values: Any, columns: Any, *_: Any) -> Any:
        return request_of(values, columns, whole)

    with monkeypatch.context() as patched:
        patched.setattr(
            intake, "request_of", lambda values, columns, *_: request_of(values, columns, whole)
        )
        assert desk.counts(log)["requests"] == (3, 3, 0, 0)
    assert desk.lake.requests.rows()[0].response.startswith("<think>")
    assert desk.counts(log)["requests"] == (3, 0, 3, 0)


@pytest.mark.parametrize(
    ("spelled", "meaning"),
    [
        ("Thumbs-Down", -1), ("thumbs down", -1), ("👎🏿", -1), ("👍️", 1), ("downvote", -1),
        ("Not helpful", -1), ("helpful", 1), ("-1", -1), (False, -1),
    ],
)  # fmt: skip
def test_thumbs_as_tools_spell_them(spelled: Any, meaning: int) -> None:
    assert Scale().meaning(spelled) == meaning


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"feedback": {"rating": "down"}}, "feedback.rating"),
        ({"scores": {"user": {"thumbs": False}}}, "scores.user.thumbs"),
        ({"liked": False}, "liked"),
        ({"user_vote": 1}, "user_vote"),
        ({"feedback": None, "feedbacks_url": "x"}, ""),
        ({"likelihood": 0.5, "details": {"started": 1}}, ""),
    ],
)
def test_votes_that_are_not_read_are_told_of(
    desk: Desk, caplog: pytest.LogCaptureFixture, row: dict[str, Any], column: str
) -> None:
    report = desk.take(desk.write("log.jsonl", [request(1, **row)]))
    assert (report["requests"]["new"], report["votes"]["total"]) == (1, 0)
    said = f"If the column {column} holds votes: --columns rating={column}"
    assert (said in caplog.text) == bool(column)


def test_a_log_of_votes_alone(desk: Desk) -> None:
    desk.take(desk.write("log.jsonl", [request(1)]))
    report = desk.take(desk.write("votes.jsonl", [vote(1, rating="dislike")]))
    assert (report["votes"]["new"], report["requests"]["total"]) == (1, 0)


def test_an_evaluation_without_a_time_has_that_of_its_span() -> None:
    event = {"name": "gen_ai.evaluation.result"}
    span = {"traceId": "a", "spanId": "b", "endTimeUnixNano": "7", "events": [event]}
    export = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    assert [one.at for found in spans(export) for one in found.events] == [7]
