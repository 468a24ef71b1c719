"""What this PC's token signed, one JSON line a signature, in the user's own folder. No secret is ever in it."""

from __future__ import annotations

import json
import os
import threading
from datetime import datetime
from pathlib import Path

from schemas.errors import SystemFault
from schemas.zone import VIETNAM


class AgentLog:
    """Append only; kept until the user removes it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "signed.jsonl"
        self._lock = threading.Lock()

    def write(self, event: str, **facts: str | int) -> None:
        """On disk when this returns. Raises SystemFault: then nothing may be handed out that is not in the log."""
        at = datetime.now(VIETNAM).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, "event": event, **facts}, ensure_ascii=False) + "\n"
        try:
            with self._lock:
                handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                try:
                    os.write(handle, line.encode())
                    os.fsync(handle)
                finally:
                    os.close(handle)
        except OSError as error:
            raise SystemFault(f"{self._path.name}: {error.strerror}") from error
