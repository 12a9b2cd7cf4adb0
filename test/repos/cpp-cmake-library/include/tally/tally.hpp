#pragma once
#include <string>

namespace tally {
int count_words(const std::string &text);
}
