module Main where

import Options.Applicative

main :: IO ()
main = execParser (info (strArgument (metavar "FILE") <**> helper) fullDesc) >>= putStrLn
