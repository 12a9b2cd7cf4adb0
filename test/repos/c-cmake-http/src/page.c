#include "page.h"

const char *make_page(void) { return "<!doctype html><title>CMake</title><h1>Hello from C and CMake</h1>"; }
