// hold: what apply and undo run on far hosts to keep others out.
#include "lbsync/adapter/hold.h"

#include "lbsync/command/commands.h"

namespace rehome::lbsync {

Command hold_command() {
    return {"hold",
            "hold this host's lock until standard input ends (used by apply on far hosts)",
            R"(  lbsync hold --by root@ops1 --command "lbsync apply" </dev/tty)",
            {
                Option::text("by", "who works here").required(),
                Option::text("command", "and by what").required(),
            },
            [](const Given& given) {
                return hold(given.text("by"), given.text("command")).map([] { return Exit::yes; });
            }};
}

}  // namespace rehome::lbsync
