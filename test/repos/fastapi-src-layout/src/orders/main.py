import os

import uvicorn
from fastapi import FastAPI

from orders.routes import router

app: FastAPI = FastAPI(
    title="Orders",
    description="""
    app = FastAPI() in a text is no app
    """,
)
app.include_router(router)


@app.get("/healthz")
async def healthz():
    return {"ok": True}


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("PORT", 8080)))
