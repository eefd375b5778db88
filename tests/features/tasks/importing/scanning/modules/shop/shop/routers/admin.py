from fastapi import APIRouter

router = APIRouter(prefix="/admin", tags=["admin"])
inner = APIRouter(prefix="/inner")


def when(day, hours: int = 8): ...


router.add_api_route("/hours", when, methods=["POST"])
router.include_router(inner)


@inner.get("")
def look(): ...
