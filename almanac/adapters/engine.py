"""llama.cpp with a model in a process of its own, for who asks by its address and key.

The process ends when its standard input does, so it never outlives who started it.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

from schemas.errors import AlmanacError, ConfigError

_SECONDS = 120  # that a model may take to load
_SLOTS = 2  # answers that are made at a time; more wait


class Engine:
    """The process, from its start to its end.

    Attributes:
        address: of its OpenAI-compatible interface, with /v1.
        key: that it asks for, so that nobody else uses it.
    """

    def __init__(self, gguf: Path, name: str, threads: int) -> None:
        """Start it and wait until the model is loaded.

        Raises:
            AlmanacError: it did not start; the message has the end of its output.
        """
        self.key = secrets.token_hex()
        command = [sys.executable, "-m", "almanac.adapters.engine", str(gguf), name, str(threads)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{self.key}\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            code = self._process.wait()
            raise AlmanacError(
                f"the local model {name} did not start (exit code {code}): see the lines above, "
                "or set another endpoint: [endpoints.NAME] in almanac.toml"
            )
        self.address = str(json.loads(said)["address"])

    @property
    def alive(self) -> bool:
        """Does the process run?"""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def close(self) -> None:
        """End it; the second time does nothing."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def parameters(gguf: Path, name: str, key: str, threads: int) -> Any:
    """How llama.cpp loads a model here.

    Raises:
        ConfigError: llama.cpp is not installed.
    """
    try:
        import xllamacpp
    except ImportError:
        raise ConfigError(
            "the local server is not installed: pip install 'almanac[serve]'"
        ) from None
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.model_alias = {name}
    params.port = 0
    params.api_keys = [key]
    params.n_ctx = 0  # as long as the model was trained for
    params.verbosity = 0
    params.cache_ram_mib = 0
    params.endpoint_slots = False
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = threads
    return params


def main() -> None:
    """Load, print the address as one line of JSON, and serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("gguf", type=Path)
    parser.add_argument("name")
    parser.add_argument("threads", type=int)
    given = parser.parse_args()
    key = sys.stdin.readline().strip()
    params = parameters(given.gguf, given.name, key, given.threads)
    params.n_parallel = _SLOTS
    params.kv_unified = True  # each answer may use the whole window
    import xllamacpp

    server = xllamacpp.Server(params)
    sys.stdout.write(json.dumps({"address": f"{server.listening_address}/v1"}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # llama.cpp's threads have nothing to save


if __name__ == "__main__":
    main()
