{-# LANGUAGE OverloadedStrings #-}
module Main where

import Web.Scotty

-- Not its port: scotty 9999
main :: IO ()
main = scotty 3456 $ do
  get "/" $ html "<h1>Hello from Haskell</h1>"
  get "/health" $ text "ok"
