"""QR codes on the first and the last page of a PDF, read in a process that can be ended.

A hostile page can keep the renderer busy inside C for ever, where no clock of Python reaches. So a small child process
renders, its answer is waited for, and a child that is late is killed. It is started on first use and kept: one start costs
more than many readings. The child imports nothing of this software, so it starts quickly.
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import threading
import time

SECONDS = 5.0
"""For one file, start of the child included."""
MOST_CODES = 20
_LONGEST = 2_000
"""Characters of one code: a QR holds at most 4,296."""
_DPI = 200
"""A module of our QR is 0.35 mm, so nearly three pixels."""
_SIDE = 3_000
"""Pixels of the longer side at most: pages as large as a wall are rendered coarser."""
_MEMORY = 2_000_000_000
"""Address space of the child."""
_LENGTH = struct.Struct(">Q")


class PageCodes:
    """Reads codes; may be used by several threads, one file at a time."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self._child: subprocess.Popen | None = None
        self._lock = threading.Lock()

    def read(self, data: bytes) -> list[str]:
        """Texts of the codes on page 1, then on the last page, each once. Empty when there are none, when the file cannot
        be rendered or when that takes too long; never raises on what the bytes are."""
        with self._lock:
            try:
                return self._asked(data)
            except (OSError, ValueError):
                self._end()
                return []
            except BaseException:
                self._end()  # the caller's clock rang: a late answer must not be taken for the next file's
                raise

    def close(self) -> None:
        with self._lock:
            self._end()

    def _asked(self, data: bytes) -> list[str]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = _started()
        deadline = time.monotonic() + self.seconds
        # The child reads everything before it looks at it, so writing waits for its start only.
        self._child.stdin.write(_LENGTH.pack(len(data)))
        self._child.stdin.write(data)
        self._child.stdin.flush()
        answer, pipe = b"", self._child.stdout.fileno()
        while not answer.endswith(b"\n"):
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            part = os.read(pipe, 65_536) if ready else b""
            if not part:
                raise TimeoutError
            answer += part
        return json.loads(answer)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        child.stdout.close()
        try:
            child.stdin.close()
        except OSError:
            pass  # what was not yet written has no reader any more


def _started() -> subprocess.Popen:
    # -P: this folder's modules must not stand before those of the libraries.
    command = [sys.executable, "-P", os.path.abspath(__file__)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet)


# --- the child ---------------------------------------------------------------------------------------------------------
def _serve() -> None:
    """Answers one line of JSON for each length and file on stdin, until stdin ends."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    while len(head := asked.read(_LENGTH.size)) == _LENGTH.size:
        data = asked.read(_LENGTH.unpack(head)[0])
        answers.write(json.dumps(_codes(data)).encode() + b"\n")
        answers.flush()


def _codes(data: bytes) -> list[str]:
    import pypdfium2
    import zxingcpp

    found: list[str] = []
    try:
        document = pypdfium2.PdfDocument(data)
        for number in sorted({0, len(document) - 1}):
            page = document[number]
            scale = min(_DPI / 72, _SIDE / max(*page.get_size(), 1))
            picture = page.render(scale=scale, grayscale=True).to_numpy()
            found += [code.text[:_LONGEST] for code in zxingcpp.read_barcodes(picture, try_invert=False)]
    except (pypdfium2.PdfiumError, ValueError, RuntimeError, MemoryError, OverflowError, IndexError):
        pass  # what was found so far counts; why the rest cannot be shown is the verifier's matter
    return list(dict.fromkeys(found))[:MOST_CODES]


if __name__ == "__main__":
    _serve()
