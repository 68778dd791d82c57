#include "vipd/state/orders.h"

#include <array>

namespace rehome::vipd {

std::string_view name(ReloginOrder::Course course) {
    constexpr std::array<std::string_view, 4> names{"running", "done", "stopped", "interrupted"};
    return names[static_cast<size_t>(course)];
}

}  // namespace rehome::vipd
