"""A Prefect server for the length of one flow: `python -m flows.own_server PORT`, started by `flows.deploy`.

Without collecting garbage while it is imported: nothing of that is garbage, and looking for some took 1.1 of 3.6 CPU
seconds. The database lies in PREFECT_HOME.
"""

from __future__ import annotations

import gc
import sys


def main() -> None:
    gc.disable()
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app()
    gc.freeze()
    gc.enable()
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")


if __name__ == "__main__":
    main()
