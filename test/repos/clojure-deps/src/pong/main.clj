(ns pong.main
  (:require [org.httpkit.server :as http]))

(defn -main [& _]
  (http/run-server (fn [_] {:status 200 :body "pong"}) {:port 3580}))
