name := "Book Shop"
version := "1.0"
scalaVersion := "2.13.12"

lazy val root = (project in file(".")).enablePlugins(PlayScala)
libraryDependencies += guice
