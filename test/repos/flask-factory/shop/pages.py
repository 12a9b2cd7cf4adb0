from flask import Blueprint, current_app

pages = Blueprint("pages", __name__)


@pages.get("/")
def home():
    return f"<title>Shop</title><p>{current_app.config['GREETING']}</p>"
