package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

// Not how it listens: http.ListenAndServe(":9999", nil)
func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!doctype html><title>Go</title><h1>Hello from Go</h1>")
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
