"""A shop in several files. It must never run: it would leave a file behind."""

from pathlib import Path as FilePath

from fastapi import Depends, FastAPI

from . import schemas
from .routers import admin as admin_module
from .routers.items import router as items_router

FilePath(__file__).with_name("IT_RAN").write_text("nobody asked for that")


def create_app() -> FastAPI:
    shop = FastAPI(title="Cửa hàng", version="2.1", description="Sells things.")
    shop.include_router(items_router, prefix="/items", tags=["items"])
    shop.include_router(admin_module.router)

    @shop.get("/health", include_in_schema=False)
    def health() -> None: ...

    @shop.post("/orders", status_code=201, deprecated=True, operation_id="placeOrder")
    def order(
        order: schemas.Order, shipping: schemas.Shipping, caller: str = Depends(schemas.current)
    ) -> schemas.Receipt:
        """Place an order.

        It is paid later.
        """

    return shop
