from . import app


@app.get("/")
def home():
    return "<title>Guestbook</title><h1>Hello from a package</h1>"
