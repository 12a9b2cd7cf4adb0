#!/bin/sh
set -e
python3 -m pip install --quiet --no-index ./vendored/greeting-1.0-py3-none-any.whl
exec python3 app.py
