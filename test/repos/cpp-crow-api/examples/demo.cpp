#include <crow.h>
int main() { crow::SimpleApp().port(9001).run(); }
