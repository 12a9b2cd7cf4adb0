from bottle import Bottle, run

app = Bottle()


@app.get("/")
def home():
    return "Hello from Bottle"


if __name__ == "__main__":
    run(app, host="localhost", port=8081)
