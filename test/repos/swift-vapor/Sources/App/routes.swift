import Vapor

func routes(_ app: Application) throws {
    app.get { req in "It works" }
    app.get("health") { req in "ok" }
    app.http.server.configuration.port = 8123
    let key = Environment.get("BIRDS_API_KEY")!
}
