(ns guestbook.core
  (:require [compojure.core :refer [defroutes GET]]
            [ring.adapter.jetty :refer [run-jetty]]))

(defroutes app
  (GET "/health" [] "ok")
  (GET "/" [] "<h1>Guestbook</h1>"))

;; not its port: {:port 9999}
(defn -main []
  (run-jetty app {:port (Integer/parseInt (or (System/getenv "PORT") "3570")) :join? true}))
