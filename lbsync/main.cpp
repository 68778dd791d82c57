// lbsync: carries load balancing and security policies from the old site to the new one.
//
//   plan, verify  both sites read -> mapped -> compared: equal, differs, not provable
//   apply         plan -> one transaction a host -> read back, or put back
//   confirm       what an apply with --confirm has done stays
//   confirm       what an apply with --confirm has done stays
//   undo          what an apply has replaced -> where it was
//   read          what this host's kernel runs
//   put, load, hold, arm, armed, wait, disarm   the far ends of apply, verify, confirm and undo
#include "lbsync/command/commands.h"

int main(int argc, char** argv) {
    using namespace rehome::lbsync;
    const rehome::Program program{
        .name = "lbsync",
        .summary = "carries load balancing and security policies from the old site to the new one",
        .teaching =
            R"(It reads vipd's services from each old gateway and nftables' rule sets from each old host, maps
every address by the inventory, and compares with what the new site has.

Exit status: 0 equal or done, 1 differs or backed out, 2 wrong input or an object without a
counterpart, 3 the world failed (what is left undone is listed), 4 not provable.

  lbsync plan --inventory inventory.json
  lbsync apply --inventory inventory.json --state before.json
  lbsync verify --inventory inventory.json
  lbsync undo --inventory inventory.json --state before.json)",
        .commands = {plan_command(), apply_command(), verify_command(), confirm_command(),
                     undo_command(), services_command(), put_command(), load_command(),
                     hold_command(), read_command(), arm_command(), armed_command(), wait_command(),
                     disarm_command()}};
    return rehome::run_program(program, argc, argv);
}
