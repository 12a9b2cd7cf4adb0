import os

from flask import Flask


def create_app(config=None):
    app = Flask(__name__)
    app.config["GREETING"] = os.environ.get("GREETING", "Hello from the factory")
    app.secret_key = os.environ["SHOP_SECRET_KEY"]

    from .pages import pages

    app.register_blueprint(pages)
    return app
