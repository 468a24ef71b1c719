"""Set before any room is imported: no test touches the machine's own Prefect, settings or threads."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile

for name in [name for name in os.environ if name.startswith(("PREFECT_", "SOHOA_"))]:
    del os.environ[name]  # a developer's own server or home folder must not change a verdict

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun with nohup or &: what the tests start would not hear Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

# One folder a process, so that parallel test processes never share Prefect's database.
_prefect_home = tempfile.mkdtemp(prefix="sohoa-prefect-")
atexit.register(shutil.rmtree, _prefect_home, ignore_errors=True)

os.environ |= {
    "PREFECT_HOME": _prefect_home,
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # The default of 20 s is too short on a busy machine with two cores.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # Tesseract's own threads cost three times the CPU.
    "OMP_THREAD_LIMIT": "1",
}
