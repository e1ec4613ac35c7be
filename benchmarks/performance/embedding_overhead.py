"""Our encoder's speed against that of sentence-transformers alone, on the same texts.

Both run the packaged English model in this process with the same threads and precision, in turns:
theirs, ours, theirs, ours. A ratio above 1 means that ours is faster. The median of the pairs'
ratios is what counts, as other load on the machine falls on both halves of a pair.

    python benchmarks/performance/embedding_overhead.py --threads 1 --precision float32
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from almanac.embedding.factory import open_encoder, token_counter
from almanac.embedding.model_files import find_model
from schemas.settings import EmbedderSettings

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SETS = ("feedbackqa_uk", "xquad_en_ru")


def main() -> None:
    arguments = parse_arguments()
    settings = EmbedderSettings(threads=arguments.threads, precision=arguments.precision)
    texts = sample(arguments.data, arguments.texts, settings)
    theirs, ours = open_theirs(settings), open_encoder(settings).encode
    for encode in (theirs, ours):
        encode(texts[:8])
    pairs = [(speed(theirs, texts), speed(ours, texts)) for _ in range(arguments.pairs)]
    report(arguments, texts, pairs)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of open test data")
    parser.add_argument("--texts", type=int, default=240)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def sample(data: Path, count: int, settings: EmbedderSettings) -> list[str]:
    """English passages that fit the window: theirs would cut longer ones, ours refuses them."""
    files = [data / "retrieval" / name / "corpus.jsonl" for name in SETS]
    rows = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    texts = [row["text"] for row in rows if not row["id"].startswith("ru-")]
    fitting = zip(texts, token_counter(settings).count_tokens(texts), strict=True)
    kept = [text for text, tokens in fitting if tokens <= 256]
    return random.Random(0).sample(kept, min(count, len(kept)))


def open_theirs(settings: EmbedderSettings) -> Callable[[Sequence[str]], object]:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(settings.threads)
    model = SentenceTransformer(
        str(find_model(settings).path),
        device="cpu",
        local_files_only=True,
        model_kwargs={"dtype": getattr(torch, settings.precision)},
    )
    return lambda texts: model.encode(list(texts), batch_size=32, normalize_embeddings=True)


def speed(encode: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    """Texts a second."""
    started = time.perf_counter()
    encode(texts)
    return len(texts) / (time.perf_counter() - started)


def report(
    arguments: argparse.Namespace, texts: Sequence[str], pairs: list[tuple[float, float]]
) -> None:
    ratios = [ours / theirs for theirs, ours in pairs]
    result = {
        "texts": len(texts),
        "threads": arguments.threads,
        "precision": arguments.precision,
        "theirs_texts_per_second": round(median(theirs for theirs, _ in pairs), 2),
        "ours_texts_per_second": round(median(ours for _, ours in pairs), 2),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "median_ratio": round(median(ratios), 3),
    }
    if arguments.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:26} {value}")


if __name__ == "__main__":
    main()
