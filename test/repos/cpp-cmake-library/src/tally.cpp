#include "tally/tally.hpp"

#include <sstream>

int tally::count_words(const std::string &text) {
  std::istringstream words(text);
  int count = 0;
  for (std::string word; words >> word;) count++;
  return count;
}
