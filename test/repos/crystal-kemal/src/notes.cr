require "kemal"

get "/notes" do
  "[]"
end

get "/health" do
  "ok"
end

# Not its port: Kemal.run(9999)
Kemal.run(3210)
