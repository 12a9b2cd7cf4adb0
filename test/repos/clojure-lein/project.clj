(defproject acme/guestbook "0.1.0-SNAPSHOT"
  :description "A guestbook"
  :dependencies [[org.clojure/clojure "1.11.1"]
                 [ring/ring-jetty-adapter "1.11.0"]
                 [compojure "1.7.0"]]
  :main guestbook.core)
