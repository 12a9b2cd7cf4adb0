defmodule Greeter do
  use Application

  def start(_, _) do
    port = String.to_integer(System.get_env("PORT", "4040"))
    Supervisor.start_link([{Bandit, plug: Greeter.Router, port: port}], strategy: :one_for_one)
  end
end

defmodule Greeter.Router do
  use Plug.Router
  plug :match
  plug :dispatch

  get "/hello" do
    send_resp(conn, 200, "Hello")
  end
end
