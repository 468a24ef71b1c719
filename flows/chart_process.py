"""Charts of a report drawn by a process of its own, `python -m flows.chart_process`, while this one counts and writes.

Loading what draws takes as long as drawing does, and here it would hold up the threads that count: only one thread of a
process runs Python. Figures go in as JSON, pictures come out in the order of `CHARTS`, each after its length (8 bytes; 0: none).
What is imported here is little, so that the process can be started before anything else.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.plan_report import ReportFigures

CHARTS = ("plan", "dossiers", "months")
"""In the order in which a report shows them."""
_ROOT = Path(__file__).parent.parent
_LENGTH = struct.Struct(">Q")


class Charts:
    """Begins to load at once; draws when it is given figures. What the process does not give is drawn here."""

    def __init__(self) -> None:
        self._pictures: dict[str, Future[bytes | None]] = {name: Future() for name in CHARTS}
        self._figures: ReportFigures | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flows.chart_process"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Charts:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._figures is None:
            self._process.stdin.close()
            self._process.stdout.close()

    def draw(self, figures: ReportFigures) -> None:
        self._figures = figures
        # In a thread: the process may still be loading, and a pipe holds less than one picture.
        Thread(target=self._exchange, daemon=True).start()

    def picture(self, name: str) -> bytes | None:
        """PNG, when it is drawn; None where there is nothing to draw."""
        try:
            return self._pictures[name].result()
        except (OSError, ValueError, struct.error):
            from flows.report_charts import chart

            return chart(name, self._figures)

    def _exchange(self) -> None:
        try:
            with self._process.stdin as to:
                to.write(self._figures.model_dump_json().encode())
        except (OSError, ValueError):
            pass  # told below, by what does not come
        with self._process.stdout as given:
            for picture in self._pictures.values():
                try:
                    picture.set_result(_read(given))
                except (OSError, ValueError, struct.error) as error:
                    picture.set_exception(error)


def _read(stream) -> bytes | None:
    (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
    picture = stream.read(length)
    if len(picture) != length:
        raise ValueError("cut short")
    return picture or None


def main() -> None:
    import matplotlib.backends.backend_agg  # noqa: F401 - before the figures come
    import matplotlib.figure  # noqa: F401

    from flows.report_charts import chart
    from schemas.plan_report import ReportFigures

    given = sys.stdin.buffer.read()
    if not given:
        return  # no figures: the report was given up
    figures = ReportFigures.model_validate_json(given)
    for name in CHARTS:
        picture = chart(name, figures) or b""
        sys.stdout.buffer.write(_LENGTH.pack(len(picture)) + picture)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
