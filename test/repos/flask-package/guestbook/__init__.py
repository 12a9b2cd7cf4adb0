from flask import Flask as Web

app = Web(__name__)

from . import pages  # noqa: E402,F401
