ThisBuild / scalaVersion := "3.3.1"

lazy val root = (project in file("."))
  .settings(
    name := "quiet",
    libraryDependencies += "org.http4s" %% "http4s-ember-server" % "0.23.24"
  )
