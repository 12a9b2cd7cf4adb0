package web

import (
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
)

func Serve(addr string) error {
	router := chi.NewRouter()
	router.Get("/healthz", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(os.Getenv("SHOP_TOKEN"))) })
	return http.ListenAndServe(addr, router)
}
