defmodule Greeter.MixProject do
  use Mix.Project

  def project, do: [app: :greeter, version: "0.1.0", elixir: "~> 1.12", deps: deps()]
  def application, do: [mod: {Greeter, []}]

  # Not a dependency: {:phoenix, "~> 1.7"}
  defp deps, do: [{:bandit, "~> 1.0"}]
end
