"""The process of a run's own Prefect server: `python -m almanac.cli.own_server_process PORT`.

It ends with the process that started it, also where that was killed: its standard input is a pipe
that nobody writes to, whose other end closes then.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import uvicorn

_GRACE_SECONDS = 5.0


def main() -> None:
    """Serve until SIGTERM, or until standard input ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        lifespan="on",
    )


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
