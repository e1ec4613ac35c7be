from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from almanac.evaluation.answers import read_answers
from almanac.evaluation.cases import Case, write_cases
from almanac.evaluation.evaluate_job import Journal, answer, main
from almanac.evaluation.generate import Prompt, Reply, ask, batches, tokenised
from almanac.evaluation.merging import merge_check
from almanac.evaluation.run import evaluate
from almanac.training.base import Base, open_base
from almanac.training.jobs import open_job
from almanac.training.recipe import Recipe, resolve
from schemas.errors import TuningFailed

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = ("where is the printer?", "что это?", "who wrote it, and when was it written?", "why")
RESULTS = ("answers.parquet", "merge.json", "answers.jsonl")


def case(number: int, rejected: str | None = "no idea") -> Case:
    question = QUESTIONS[number % len(QUESTIONS)]
    prompt = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": question})
    return Case(
        f"case-{number:02}",
        "held_back",
        f"r{number}",
        question,
        prompt,
        ("It is in room 7.",),
        (f"in room {number}",),
        rejected,
        "en",
    )


CASES = [case(number, None if number == 3 else "no idea") for number in range(7)]


def adapted(base: Base, strength: float = 3.0) -> PeftModel:
    """The base under an adapter that changes what it says."""
    model, _ = open_base(base, "float32", "cpu")
    torch.manual_seed(1)
    model = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "up_proj"])
    )
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            weights.data.normal_(0, strength)
    return model.eval()


@pytest.fixture(scope="module")
def finished(tiny_base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job whose adapter is there, as the trainer leaves it; to be copied."""
    folder = tmp_path_factory.mktemp("jobs") / "finished"
    adapted(tiny_base).save_pretrained(folder / "adapter")
    recipe = resolve(Recipe(method="sft", learning_rate=1e-4, threads=1, device="cpu"))
    spec = {
        "adapter_id": "f" * 64,
        "base": tiny_base.as_json(),
        "libraries": {"torch": "test"},
        "recipe": recipe.model_dump(mode="json"),
        "evaluation": {"max_new_tokens": 8, "batch_tokens": 160},
    }
    (folder / "job.json").write_text(json.dumps(spec), encoding="utf-8")
    write_cases(CASES, folder / "cases.parquet")
    return folder


@pytest.fixture
def job(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "job")


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


@pytest.fixture(scope="module")
def unbroken(finished: Path) -> Path:
    folder = shutil.copytree(finished, finished.parent / "unbroken")
    answer(folder, io.StringIO())
    return folder


def test_answers_of_base_and_adapter(unbroken: Path) -> None:
    found = read_answers(unbroken / "answers.parquet")
    assert [one.case_id for one in found] == [one.case_id for one in CASES]
    assert all(one.base_answer is not None and one.adapter_answer is not None for one in found)
    assert any(one.base_answer != one.adapter_answer for one in found)
    assert all(one.base_chosen != one.adapter_chosen for one in found)
    assert [one.case_id for one in found if one.base_rejected is None] == ["case-03"]
    assert [one.case_id for one in found if one.adapter_rejected is None] == ["case-03"]
    merge = json.loads((unbroken / "merge.json").read_text(encoding="utf-8"))
    assert merge["passed"] is True
    assert 0 <= merge["max_abs_difference"] <= merge["tolerance"] < merge["effect"] / 100
    lines = (unbroken / "answers.progress.jsonl").read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    of = told[0]["of"]
    assert of > 1
    each = [(who, done + 1, of) for who in ("base", "adapter") for done in range(of)]
    assert [(one["phase"], one["done"], one["of"]) for one in told] == [*each, ("merge", 1, 1)]


def test_batches_say_what_single_prompts_do(tiny_base: Base) -> None:
    """Padding, the shared keys and values and the order of a batch change no answer."""
    _, tokenizer = open_base(tiny_base, "float32", "cpu")
    model = adapted(tiny_base)
    asked = [
        tokenised(tokenizer, one.case_id, one.prompt, one.reference, one.rejected) for one in CASES
    ]
    together = ask(model, tokenizer, asked, 8)
    assert len({said.answer for said in together}) > 2
    for one, said in zip(asked, together, strict=True):
        (alone,) = ask(model, tokenizer, [one], 8)
        assert said.answer == alone.answer == by_hand(model, tokenizer, one)
        assert said.chosen == pytest.approx(alone.chosen, abs=1e-5)
        assert said.chosen == pytest.approx(
            log_probability(model, one.prompt, one.chosen), abs=1e-5
        )
        if one.rejected:
            expected = log_probability(model, one.prompt, one.rejected)
            assert said.rejected == pytest.approx(expected, abs=1e-5)


def by_hand(model, tokenizer, one: Prompt) -> str:
    """Greedy without any cache, token by token."""
    tokens = list(one.prompt)
    for _ in range(8):
        with torch.inference_mode():
            tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].argmax()))
        if tokens[-1] == tokenizer.eos_token_id:
            break
    return tokenizer.decode(tokens[len(one.prompt) :], skip_special_tokens=True).strip()


def log_probability(model, prompt: list[int], wanted: list[int]) -> float:
    with torch.inference_mode():
        logits = model(torch.tensor([prompt + wanted])).logits[0]
    after = logits[len(prompt) - 1 : -1].log_softmax(dim=-1)
    return float(after[range(len(wanted)), wanted].mean())


def test_an_answer_ends_at_the_end_token(tiny_base: Base) -> None:
    model, tokenizer = open_base(tiny_base, "float32", "cpu")
    asked = tokenised(tokenizer, "a", CASES[0].prompt, None, None)
    tied = model.get_input_embeddings().weight
    with torch.no_grad():  # Whatever comes, the end token is next.
        last = model.model(torch.tensor([asked.prompt])).last_hidden_state[0, -1]
        tied[tokenizer.eos_token_id] = last * 100
    assert ask(model, tokenizer, [asked], 8) == [Reply("", None, None)]


def test_batches_are_bounded_and_do_not_depend_on_the_order() -> None:
    asked = [
        Prompt(f"c{at}", [1] * length, [], []) for at, length in enumerate((90, 5, 5, 40, 300))
    ]
    found = batches(asked, 10, 100)
    named = [[one.case_id for one in batch] for batch in found]
    assert named == [["c4"], ["c0"], ["c3", "c1"], ["c2"]]
    assert batches(asked[::-1], 10, 100) == found


def test_a_killed_evaluation_goes_on_to_the_same_bytes(job: Path, unbroken: Path) -> None:
    command = [sys.executable, "-m", "almanac.evaluation.evaluate_job", str(job)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["phase"] == "base"
        child.send_signal(signal.SIGKILL)
    assert not (job / "answers.parquet").exists()
    answer(job, io.StringIO())
    assert results(job) == results(unbroken)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_wherever_it_was_cut(job: Path, unbroken: Path, share: float) -> None:
    whole = (unbroken / "answers.jsonl").read_bytes()
    (job / "answers.jsonl").write_bytes(whole[: int(share * len(whole))])
    answer(job, io.StringIO())
    assert results(job) == results(unbroken)


def test_what_is_done_is_not_asked_again(job: Path, unbroken: Path) -> None:
    shutil.copy(unbroken / "answers.jsonl", job)
    out = io.StringIO()
    answer(job, out)
    assert out.getvalue() == ""
    assert results(job) == results(unbroken)


def test_other_cases_begin_anew(job: Path, unbroken: Path) -> None:
    shutil.copy(unbroken / "answers.jsonl", job)
    write_cases(CASES[:2], job / "cases.parquet")
    answer(job, io.StringIO())
    assert [one.case_id for one in read_answers(job / "answers.parquet")] == ["case-00", "case-01"]


def test_a_case_beyond_the_window_is_left_unanswered(job: Path) -> None:
    long = case(9)
    long = Case(
        **{name: getattr(long, name) for name in Case.__slots__}
        | {"prompt": ({"role": "user", "content": "Ж" * 600},)}
    )
    write_cases([*CASES[:2], long], job / "cases.parquet")
    answer(job, io.StringIO())
    found = read_answers(job / "answers.parquet")
    assert [one.base_answer is None for one in found] == [False, False, True]
    assert found[2].adapter_answer is found[2].base_chosen is found[2].adapter_chosen is None


def test_a_wrong_merge_is_caught(tiny_base: Base) -> None:
    prompts = [list(range(3, 40)), list(range(5, 30))]
    assert merge_check(adapted(tiny_base), prompts)["passed"] is True
    for factor in (0.0, 0.98, 2.0):

        def merge(model: PeftModel, factor: float = factor) -> torch.nn.Module:
            for module in model.modules():
                if isinstance(getattr(module, "scaling", None), dict):
                    module.scaling = {
                        name: value * factor for name, value in module.scaling.items()
                    }
            return model.merge_and_unload()

        found = merge_check(adapted(tiny_base), prompts, merge)
        assert found["passed"] is False
        assert found["max_abs_difference"] > 5 * found["tolerance"]


def test_logits_that_are_no_numbers_do_not_pass(tiny_base: Base) -> None:
    def merge(model: PeftModel) -> torch.nn.Module:
        merged = model.merge_and_unload()
        merged.get_input_embeddings().weight.data[5] = float("nan")
        return merged

    found = merge_check(adapted(tiny_base), [[3, 4, 6], [3, 4, 5, 6]], merge)
    assert (found["passed"], found["max_abs_difference"]) == (False, None)


def test_evaluate_spawns_it_and_tells_progress(job: Path, unbroken: Path) -> None:
    told: list[str] = []
    answers, merge = evaluate(open_job(job), CASES, lambda line: told.append(line["phase"]))
    assert answers == read_answers(unbroken / "answers.parquet")
    assert merge == json.loads((unbroken / "merge.json").read_text(encoding="utf-8"))
    assert told[0] == "base"
    assert told[-1] == "merge"


def test_a_failed_process_says_why(job: Path) -> None:
    (job / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(TuningFailed, match=r"cannot be evaluated: it has no adapter/adapter_model"):
        evaluate(open_job(job), CASES, lambda line: None)
    with pytest.raises(TuningFailed, match="there is nothing to evaluate"):
        evaluate(open_job(job), [], lambda line: None)


def test_usage(tmp_path: Path) -> None:
    assert main([]) == 2
    command = [sys.executable, "-m", "almanac.evaluation.evaluate_job", str(tmp_path)]
    done = subprocess.run(command, text=True, capture_output=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1 and "is no job" in done.stderr


def test_a_journal_of_something_else_is_left_behind(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    first = Journal(file, "one")
    first.add("base", 0, [Prompt("a", [1], [], [])], [Reply("yes", -0.25, None)])
    first.add("adapter", 0, [Prompt("a", [1], [], [])], [Reply("no", -0.5, -1.0)])
    again = Journal(file, "one")
    assert again.has("base", 0)
    assert again.answered("a") == first.answered("a")
    assert (again.answered("a").base_answer, again.answered("a").adapter_rejected) == ("yes", -1.0)
    assert not Journal(file, "two").has("base", 0)
