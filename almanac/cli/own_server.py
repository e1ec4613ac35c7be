"""A Prefect server for the runs of this process alone, where none is configured.

Prefect would start the same one by itself, and import all of the server into the process of the run
too, to do so: 1.5 CPU seconds and 60 MB of every night.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import time

from schemas.errors import AlmanacError

_POLL_SECONDS = 0.1
_ATTEMPTS = 3
# What Prefect tells a server that it starts for one run: no pages, and few services.
_MODE = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}


def start_own_server() -> None:
    """Start a server that ends with this process, and let Prefect's client speak to it.

    Its runs are stored where every server of this user's Prefect finds them.

    Raises:
        AlmanacError: it does not answer in time, or cannot be started.
    """
    from prefect import context
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    patience = settings.server.ephemeral.startup_timeout_seconds
    given = settings.to_environment_variables(exclude_unset=True)
    for _ in range(_ATTEMPTS):
        port = _free_port()
        server = _serve(port, {**os.environ, **given, **_MODE})
        atexit.register(_stop, server)
        if _answers(server, port, patience):
            break
    else:
        raise AlmanacError(
            "Prefect's own server for this run could not be started: see its lines above. Where "
            f"the folder {settings.home} cannot be written, name another in PREFECT_HOME; or name "
            "a server that runs in PREFECT_API_URL"
        )
    # Without an address of its pages: nobody can look at what is made for them alone.
    os.environ |= {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "PREFECT_UI_URL": ""}
    context.GLOBAL_SETTINGS_CONTEXT = context.root_settings_context()  # of every thread


def _serve(port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # Of its own session: Ctrl-C is for the run, which tells the server how it ended.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "almanac.cli.own_server_process", str(port)],
        env=environment,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(server: subprocess.Popen[bytes], port: int, patience: float) -> bool:
    """Wait until it answers; False where it ended instead.

    Raises:
        AlmanacError: it did neither within `patience` seconds.
    """
    import httpx

    until = time.monotonic() + patience
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < until:
            if server.poll() is not None:
                return False
            try:
                if client.get(f"http://127.0.0.1:{port}/api/health").is_success:
                    return True
            except httpx.HTTPError:
                pass  # not yet
            time.sleep(_POLL_SECONDS)
    raise AlmanacError(
        f"Prefect's own server for this run did not answer within {patience:g} s: raise "
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
