// put: what apply runs on far hosts to replace a file there.
#include "lbsync/adapter/put.h"

#include "lbsync/command/commands.h"

namespace rehome::lbsync {

Command put_command() {
    return {
        "put",
        "replace a file by standard input (used by apply on far hosts)",
        R"(  lbsync put --path /etc/rehome/vipd.json --expect-sha256 DIGEST --sha256 DIGEST < vipd.json)",
        {
            Option::text("path", "the file to replace").required(),
            Option::text("expect-sha256", "its digest now").required(),
            Option::text("sha256", "that of what comes").required(),
        },
        [](const Given& given) {
            return put(given.text("path"), given.text("expect-sha256"), given.text("sha256"))
                .map([] { return Exit::yes; });
        }};
}

}  // namespace rehome::lbsync
