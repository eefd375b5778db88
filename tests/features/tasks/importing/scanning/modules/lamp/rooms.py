from flask import Blueprint, request

rooms = Blueprint("rooms", __name__, url_prefix="/rooms")


@rooms.get("/<name>")
def room(name):
    return {"name": name, "tags": request.args.getlist("tag"), "trace": request.headers.get("X-Trace")}
