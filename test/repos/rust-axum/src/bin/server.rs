use axum::{routing::get, Router};

// let app = Router::new().route("/nothing", get(nothing));
#[tokio::main]
async fn main() {
    let secret = std::env::var("API_SECRET").expect("API_SECRET");
    let quote = '"';
    let app = Router::new().route("/", get(move || async move { format!("Hello{quote}{secret}") }));
    let port = std::env::var("PORT").unwrap_or("3005".into());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
