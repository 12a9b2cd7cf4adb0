defmodule Ticker.MixProject do
  use Mix.Project

  def project do
    [app: :ticker, version: "0.1.0", elixir: "~> 1.10", escript: [main_module: Ticker]]
  end
end
