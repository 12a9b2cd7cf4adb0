"""Says hello. Not the entry: app = FastAPI() stands only in this text."""
from flask import Flask

application = Flask(__name__)


@application.route("/")
def hello():
    return "<!doctype html><title>Flask</title><h1>Hello from Flask</h1>"


@application.route("/health")
def health():
    return {"status": "ok"}


@application.route("/items/<int:number>")
def item(number):
    return {"item": number}


if __name__ == "__main__":
    application.run(port=5001)
