#!/bin/sh
# PORT=1 in a comment is nothing
cd "$(dirname "$0")/site"
exec python3 -m http.server --bind 127.0.0.1 "${PORT:-8088}"
