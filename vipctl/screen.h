// A text that is drawn again and again on standard output.
#pragma once

#include <cstddef>
#include <string>

namespace rehome::vipctl {

// Of a terminal, in characters; 0: not known.
struct Window {
    size_t rows = 0, columns = 0;
};
Window window_of(int fd);

// What fits: whole lines, each cut at the window's edge, and of more than fit so many that the last
// row can say how many are below.
std::string fitted(const std::string& text, const Window& window);

// On a terminal from its upper left corner, in the size that it has now; else behind what was
// printed before.
void draw(const std::string& text);

}  // namespace rehome::vipctl
