"""The usual tutorial: LangChain and FAISS behind FastAPI. For `serving.py rival`, in its own venv.

    python rival_chat.py FOLDER BASE_URL PORT

Documents of a folder, split at 560 characters, embedded by an OpenAI-compatible endpoint into FAISS
in memory; each question finds six passages, and a chat model answers from them. It keeps no log, no
history and no rights, checks no citation, and a change of a document needs a restart.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from langchain_community.vectorstores import FAISS
from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter
from pydantic import BaseModel

CHUNK_CHARACTERS, PASSAGES = 560, 6
PROMPT = "Answer from the passages.\n\n{context}\n\nQuestion: {question}"


class Question(BaseModel):
    """What is asked."""

    question: str


def main() -> None:
    """Index the folder, then answer until the process is ended."""
    folder, base_url, port = sys.argv[1:]
    files = sorted(Path(folder).rglob("*.md"))
    documents = [Document(one.read_text(), metadata={"source": one.name}) for one in files]
    splitter = RecursiveCharacterTextSplitter(chunk_size=CHUNK_CHARACTERS, chunk_overlap=0)
    chunks = splitter.split_documents(documents)
    embeddings = OpenAIEmbeddings(
        model="words", base_url=base_url, api_key="none", check_embedding_ctx_length=False
    )
    store = FAISS.from_documents(chunks, embeddings)
    model = ChatOpenAI(model="stub-1", base_url=base_url, api_key="none", streaming=True)
    found = store.as_retriever(search_kwargs={"k": PASSAGES})
    chain = (
        {"context": found | _joined, "question": RunnablePassthrough()}
        | ChatPromptTemplate.from_template(PROMPT)
        | model
        | StrOutputParser()
    )
    app = FastAPI()

    @app.post("/ask")
    async def ask(asked: Question) -> dict[str, str]:
        return {"answer": await chain.ainvoke(asked.question)}

    @app.get("/chunks")
    async def count() -> int:
        return len(chunks)

    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


def _joined(found: list[Document]) -> str:
    return "\n\n".join(f"[{n}] {one.page_content}" for n, one in enumerate(found, 1))


if __name__ == "__main__":
    main()
