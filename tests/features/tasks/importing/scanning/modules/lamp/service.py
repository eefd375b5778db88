"""Lamps."""

from flask import Flask, jsonify, request
from rooms import rooms

app = Flask(__name__)
app.register_blueprint(rooms, url_prefix="/v2/rooms")


@app.route("/lamps/<int:lamp_id>/<path:rest>", methods=["GET", "POST"])
def lamp(lamp_id, rest):
    """Đổi màu đèn."""
    data = request.get_json(silent=True) or {}
    brightness = int(data["brightness"])
    colour = data.get("colour", "white")
    return jsonify(
        lamp=lamp_id, brightness=brightness, colour=colour, dim=request.args.get("dim", 0.5, type=float)
    )


@app.post("/pictures")
def picture():
    return request.files["picture"].read() and request.form.get("title")


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5050)
