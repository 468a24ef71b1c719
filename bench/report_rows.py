"""What a measurement says: one row a number, with the target it is held against, kept as JSON between commands."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from schemas.zone import VIETNAM

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "tesserocr",
    "opencv-python-headless",
    "onnxruntime",
    "pikepdf",
    "pypdfium2",
    "ocrmypdf",
    "prefect",
)


@dataclass
class Row:
    """One number. `reached` None: nothing to count (no such case among the pages)."""

    what: str
    where: str
    """The pages it was measured on."""
    reached: float | None
    unit: str = "%"
    """`%` for shares (stored as 0..1), else said as it stands."""
    target: float | None = None
    at_most: bool = True
    """The target is an upper bound; False: a lower one."""
    of: str = ""
    """What was counted, for example `812 fields`."""

    @property
    def passed(self) -> bool | None:
        """None where there is no target or nothing was counted."""
        if self.target is None or self.reached is None:
            return None
        return self.reached <= self.target if self.at_most else self.reached >= self.target

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """what, where, target, reached, verdict, of."""
        sign = "≤" if self.at_most else "≥"
        target = "" if self.target is None else f"{sign} {self._said(self.target)}"
        reached = "–" if self.reached is None else self._said(self.reached)
        return (
            self.what,
            self.where,
            target,
            reached,
            {True: "yes", False: "**no**", None: ""}[self.passed],
            self.of,
        )

    def _said(self, value: float) -> str:
        if self.unit == "%":
            return f"{value:.2%}".replace(".00%", "%").replace("%", " %")
        digits = 0 if abs(value) >= 100 or value == int(value) else 2
        return f"{value:.{digits}f} {self.unit}".strip()


@dataclass
class Result:
    """One measurement: its rows, how it was made, figures for pictures, and the machine it ran on."""

    name: str
    rows: list[Row]
    method: list[str] = field(default_factory=list)
    series: dict[str, list[float]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        (folder / f"{self.name}.json").write_text(text + "\n", "utf-8")


def load(path: Path) -> Result:
    """A stored measurement."""
    facts = json.loads(path.read_text("utf-8"))
    return Result(**facts | {"rows": [Row(**row) for row in facts["rows"]]})


def table(rows: list[Row]) -> str:
    """Markdown; reads well in a terminal too."""
    head = ("what", "on", "target", "reached", "holds", "counted")
    body = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in body) for i in range(len(head))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in body]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def machine() -> dict[str, str]:
    """Where and when: what a reader needs to judge the seconds. Names neither the host nor any folder."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "date": datetime.now(VIETNAM).isoformat(timespec="minutes"),
        "commit": commit(),
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory:.0f} GiB",
        "system": _system(),
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "load": f"{os.getloadavg()[0]:.1f} at the end of the measurement",
    }


def commit() -> str:
    """Short commit; `+` when files differ from it. Empty outside a repository."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _processor() -> str:
    try:
        facts = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(":", 1)[1].strip() for line in facts.splitlines() if line.startswith("model name")), ""
    )


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()
