defmodule ShopWeb.Router do
  use ShopWeb, :router

  scope "/", ShopWeb do
    get "/", PageController, :home
    get "/health", HealthController, :show
  end
end
