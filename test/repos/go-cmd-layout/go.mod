module example.com/shop/v2

go 1.22

require github.com/go-chi/chi/v5 v5.1.0
