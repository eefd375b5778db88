"""The routes of the access room over ASGI, for tests."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from features.access.process import Process
from roundhouse.core.errors import RoundhouseError
from roundhouse.features.access import routes
from roundhouse.features.access.plans import routes as plan_routes


def serve(process: Process) -> FastAPI:
    app = FastAPI()
    app.state.authenticator = process.authenticator
    app.include_router(routes.router(process.keys, process.reports))
    app.include_router(plan_routes.router(process.plans))
    app.include_router(routes.router(process.keys, process.reports), prefix="/api", include_in_schema=False)

    @app.exception_handler(RoundhouseError)
    async def shown(_: Request, error: RoundhouseError) -> JSONResponse:
        return JSONResponse({"code": error.code, "detail": error.detail}, status_code=error.status)

    @app.exception_handler(RequestValidationError)
    async def refused(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({"code": "unprocessable", "detail": str(error)}, status_code=422)

    return app
