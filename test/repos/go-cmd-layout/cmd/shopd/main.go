package main

import (
	"flag"

	"example.com/shop/v2/internal/web"
)

func main() {
	addr := flag.String("addr", ":8090", "where to listen")
	flag.Parse()
	web.Serve(*addr)
}
