// load: what apply and undo run on far hosts to load an nftables transaction.
#include "lbsync/adapter/load.h"

#include "lbsync/command/commands.h"

namespace rehome::lbsync {

Command load_command() {
    return {"load",
            "load an nftables transaction, if all of it has come (used by apply on far hosts)",
            R"(  lbsync load --sha256 DIGEST < batch.nft)",
            {
                Option::text("sha256", "the digest of what comes").required(),
                Option::text("armed", "of the apply that waits to be confirmed").shown_as("ID"),
            },
            [](const Given& given) -> Result<Exit> {
                return tl::unexpected(load(given.text("sha256"), given.text("armed")));
            }};
}

}  // namespace rehome::lbsync
