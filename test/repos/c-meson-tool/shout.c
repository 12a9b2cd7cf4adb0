#include <ctype.h>
#include <getopt.h>
#include <stdio.h>

int main(int argc, char **argv) {
  static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  if (getopt_long(argc, argv, "h", options, NULL) == 'h') {
    puts("Usage: shout WORD...");
    return 0;
  }
  for (int n = optind; n < argc; n++)
    for (const char *at = argv[n]; *at; at++) putchar(toupper((unsigned char)*at));
  putchar('\n');
  return 0;
}
