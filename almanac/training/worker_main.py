"""What the two processes that open models share: their environment, their output, their errors."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from schemas.errors import AlmanacError

# Set before the libraries are loaded, which read them then.
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}


def on_job(module: str, work: Callable[[Path, TextIO], None], arguments: Sequence[str]) -> int:
    """Do `work` on the job folder that the arguments name; the process's exit code.

    What `work` writes goes to standard output; what libraries print there must not stand among it
    and goes to standard error, where an error is one line.
    """
    if len(arguments) != 1:
        sys.stderr.write(f"usage: python -m {module} JOB_DIR\n")
        return 2
    progress = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    os.environ.update(_ENVIRONMENT)
    try:
        work(Path(arguments[0]), progress)
    except AlmanacError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
