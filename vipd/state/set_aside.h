// Which servers take no new flows for now, by what is ordered and observed.
#pragma once

#include "vipd/state/compile.h"

namespace rehome::vipd {

SetAside set_aside(const Known& known, const Tables& tables);

}  // namespace rehome::vipd
