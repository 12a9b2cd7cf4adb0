module Main where

main :: IO ()
main = putStrLn ("counted " ++ show (sum [1 .. 10 :: Int]))
