// A question on the operator's terminal: shown in full, then answered by one line.
//
// Only what is typed once the question stands there answers it: what was typed ahead is thrown away
// after the question has been shown and before the line that asks for the answer is.  Nothing here
// waits; answer() is asked again and again.  A terminal that is gone (hung up), or that is somebody
// else's now (we are in the background), answers nothing; an end of file (Ctrl-D) is an empty line.
#pragma once

#include <optional>
#include <string>

#include "cutover/adapter/outlet.h"
#include "cutover/run/question.h"

namespace rehome::cutover {

// Whether standard input is a terminal that is still there.
bool terminal_is_there();

// Columns of the terminal that this descriptor leads to, 80 where that cannot be told.
size_t columns(int fd);

class TerminalPrompt {
public:
    // The question must outlive it.
    TerminalPrompt(const Question& question, Outlet& out);

    // Whether standard input is to be waited for.
    bool listens() const { return listens_; }

    // Once somebody has answered.
    std::optional<Answer> answer();

private:
    void invite();
    std::optional<Answer> take(char c);
    std::optional<Answer> end_line();

    const Question& question_;
    Outlet& out_;
    bool listens_ = false;
    std::string line_;
};

}  // namespace rehome::cutover
