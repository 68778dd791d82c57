// The table of commands and the schema of requests know the same ones.
#include <doctest/doctest.h>

#include <algorithm>

#include "common/control_request.h"
#include "common/formats/formats.h"
#include "vipd/daemon/daemon.h"

using namespace rehome;

TEST_CASE("every command has a schema for its request, and every schema a command") {
    auto names = vipd::Daemon::command_names();
    auto known = control_commands();
    std::sort(names.begin(), names.end());
    std::sort(known.begin(), known.end());
    CHECK(std::equal(names.begin(), names.end(), known.begin(), known.end()));
}
