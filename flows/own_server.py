"""A Prefect server for the length of one flow: `python -m flows.own_server PORT`, started by `flows.deploy`.

Without collecting garbage while it is imported: nothing of that is garbage, and looking for some took 1.1 of 3.6 CPU
seconds. The database lies in PREFECT_HOME.
"""

from __future__ import annotations

import gc
import sys
from datetime import timedelta
from functools import partial

_SELDOM = timedelta(seconds=2)


def main() -> None:
    gc.disable()
    import uvicorn
    from prefect.server.api import background_workers
    from prefect.server.api.server import create_app

    # What there is to do in the background is to clean up after things are deleted, and that is not done here: ten looks a second
    # for it are a third of what an idle server takes.
    background_workers.Worker = partial(
        background_workers.Worker, minimum_check_interval=_SELDOM, scheduling_resolution=_SELDOM
    )
    app = create_app(ephemeral=True)
    gc.freeze()
    gc.enable()
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")


if __name__ == "__main__":
    main()
