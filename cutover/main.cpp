// cutover: runs playbooks, tells BIRD what to announce, and keeps scripted logins.
#include <utility>

#include "common/command.h"
#include "cutover/command/answer.h"
#include "cutover/command/bird.h"
#include "cutover/command/hand.h"
#include "cutover/command/login.h"
#include "cutover/command/preflight.h"
#include "cutover/command/run.h"

namespace {

void add(std::vector<rehome::Command>& to, std::vector<rehome::Command> commands) {
    for (rehome::Command& command : commands) {
        to.push_back(std::move(command));
    }
}

}  // namespace

int main(int argc, char** argv) {
    rehome::Program program;
    program.name = "cutover";
    program.summary = "a playbook that survives the night";
    program.teaching =
        "A playbook is a list of stages of steps; a step says what to do, how to see that it is\n"
        "done, and how to undo it.  Kill a run anywhere and `cutover resume` goes on.\n\n"
        "  cutover show subnet-move.json --inventory inventory.json\n"
        "  cutover preflight subnet-move.json --inventory inventory.json\n"
        "  cutover run subnet-move.json --inventory inventory.json --journal move.journal\n"
        "  cutover status --journal move.journal\n"
        "  cutover undo --journal move.journal\n\n"
        "See cutover(1) and rehome-playbook(5).";
    add(program.commands, rehome::cutover::run_commands());
    add(program.commands, rehome::cutover::preflight_commands());
    add(program.commands, rehome::cutover::answer_commands());
    add(program.commands, rehome::cutover::bird_commands());
    add(program.commands, rehome::cutover::login_commands());
    add(program.commands, rehome::cutover::hand_commands());
    return rehome::run_program(program, argc, argv);
}
