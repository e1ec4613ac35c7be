"""How near is the nearest passage to questions about the sample documents, and to others?

    .venv/bin/almanac nightly && .venv/bin/python benchmarks/performance/far_hits.py

The threshold below which `almanac search` says "Nothing fits well" is between the two.
"""

from __future__ import annotations

import argparse

from almanac.retrieval.search import Searcher
from schemas.settings import settings_for

ABOUT = [
    "How do I read a query parameter that is optional?",
    "upload a file",
    "how to return a 404",
    "background tasks",
    "path parameter with enum",
    "run with docker",
    "what is dependency injection",
    "add CORS",
    "cookies",
    "test the app",
    "OAuth2 password flow",
    "how are settings read from the environment",
    "declare a request body",
    "middleware",
    "websockets",
]
OTHERS = [
    "Who approves travel expenses?",
    "best pizza in Naples",
    "capital of Mongolia",
    "how to change a car tyre",
    "When was Mozart born?",
    "recipe for borscht",
    "football world cup 2014 winner",
    "vacation days per year",
    "parking permit",
    "symptoms of flu",
    "xyzzy plugh",
    "mortgage interest rate",
    "how tall is Everest",
    "train to Berlin",
    "fire drill",
]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lakehouse")
    searcher = Searcher(settings_for(None, arguments.parse_args().lakehouse))
    for name, questions in (("about the documents", ABOUT), ("about others", OTHERS)):
        found = searcher.search(questions, 1, "vector")
        scores = sorted(hits[0].score for hits in found)
        print(f"{name:<20} " + " ".join(f"{score:.2f}" for score in scores))


if __name__ == "__main__":
    main()
