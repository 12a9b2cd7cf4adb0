#include "tally/tally.hpp"

int main() { return tally::count_words("one two three") == 3 ? 0 : 1; }
