// Where the programs are that a playbook names without a path.
#pragma once

namespace rehome::cutover {

// In the folder of this one first, for everything that is run here from now on.
void prefer_our_programs();

}  // namespace rehome::cutover
