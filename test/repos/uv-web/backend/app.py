from fastapi import FastAPI

from backend.texts import HELLO

api = FastAPI()


@api.get("/")
def hello():
    return {"hello": HELLO}
