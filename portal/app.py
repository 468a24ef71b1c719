"""The application that `sohoa api` serves: the REST API, and how it is.

Each version of the interface has its own address, /api/v1 now, v2, v3 … later (CV 7197/BKHCN-CĐSQG); versions V1…Vn of a
document stand in its DocCode.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter, run_sync
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

from portal.api import documents, finding
from portal.api.gate import Gate
from portal.api.problems import on_http, on_invalid, on_ours
from portal.api.reading import Reading
from portal.api.state import Api
from schemas.api import Health, ImportMetadata, Problem, PutMetadata, Ready, VerifyMetadata
from schemas.errors import SohoaError
from schemas.settings import Settings, load_settings

TITLE = "API trao đổi tài liệu số hoá (CV 7197/BKHCN-CĐSQG)"
VERSION = "1"
THREADS = 10
"""Requests worked on side by side; fewer than the catalogue has connections."""
DESCRIPTION = (
    "Nhập, lấy, sửa, tải tài liệu số hoá; tìm, dùng lại, tra cứu, kiểm tra chữ ký. "
    "Digitised documents: import, get, put, download; search, reuse, look-up, verification."
)


def create(settings: Settings | None = None, *, reading: bool = True) -> FastAPI:
    """The application of a home folder (`SOHOA_HOME`). Catalogue and store are opened when the server starts, and NoHome,
    SetupError, CatalogueUnavailable, StoreUnavailable raised there. `reading`: also digitise what is sent."""
    api = Api.of(settings or load_settings())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = THREADS
        with api.opened():
            reader = Reading(api)
            if reading:
                reader.start()
            yield
            api.stopping.set()
            api.arrived.set()
            if reading:
                await run_sync(reader.join)

    # Pages of documentation would come from a network of others; the description itself is served, and offices are offline.
    app = FastAPI(
        title=TITLE, version=VERSION, description=DESCRIPTION, lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url=None,
    )  # fmt: skip
    app.state.api = api
    app.include_router(_how_it_is(api))
    v1 = APIRouter(prefix="/api/v1")
    v1.include_router(documents.router)
    v1.include_router(finding.router)
    app.include_router(v1)
    app.add_exception_handler(SohoaError, on_ours)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(ValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_middleware(Gate, api=api)
    _describe(app)
    return app


def _how_it_is(api: Api) -> APIRouter:
    router = APIRouter(tags=["Tình trạng"])

    @router.get("/health", response_model=Health, summary="Tiến trình đang chạy / The process runs")
    async def health() -> Health:
        return Health()

    @router.get(
        "/ready",
        response_model=Ready,
        responses={503: {"model": Ready, "description": "Chưa sẵn sàng / Not ready"}},
        summary="Cơ sở dữ liệu và kho trả lời / Catalogue and store answer",
    )
    def ready() -> JSONResponse:
        catalogue, store = api.working()
        given = Ready(ready=catalogue and store, catalogue=catalogue, store=store)
        return JSONResponse(given.model_dump(), 200 if given.ready else 503)

    return router


def _describe(app: FastAPI) -> None:
    """OpenAPI 3.1 at /api/v1/openapi.json: also what the framework cannot know, errors and bodies with files."""

    def openapi() -> dict:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes, openapi_version="3.1.0"
            )
            bodies = [(model, "validation") for model in (ImportMetadata, PutMetadata, VerifyMetadata, Problem)]
            _, defined = models_json_schema(bodies, ref_template="#/components/schemas/{model}")
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            schemas |= defined["$defs"]
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            made["components"]["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer", "description": "sohoa token add"}
            }
            for path, operations in made["paths"].items():
                for operation in operations.values():
                    operation["security"] = [{"token": []}] if path.startswith("/api/") else []
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    async def description(_: Request) -> JSONResponse:
        return JSONResponse(app.openapi())
