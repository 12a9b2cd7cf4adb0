#include "page.h"

const char *make_page(void) { return "<!doctype html><title>C</title><h1>Hello from C and Make</h1>"; }
