from fastapi import FastAPI

app = FastAPI()


def test_nothing():
    assert app
