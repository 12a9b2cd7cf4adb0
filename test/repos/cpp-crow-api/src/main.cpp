#include <cstdlib>
#include <crow.h>

int main() {
  crow::SimpleApp app;
  CROW_ROUTE(app, "/items")([] { return "[]"; });
  CROW_ROUTE(app, "/health")([] { return "ok"; });
  const char *key = std::getenv("SHOP_API_KEY");
  app.port(18080).run();
}
