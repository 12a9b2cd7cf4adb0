HELLO = "from uv"
