defmodule Ticker do
  def main(_args), do: IO.puts("ticked #{Enum.sum(1..10)}")
end
