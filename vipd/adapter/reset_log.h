// The log of paced resets: one JSON line for each flow whose client was told to log in again (of
// UDP: whose flow was forgotten), so that what vipd broke on purpose can be told from what broke.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "common/error.h"
#include "vipd/adapter/worker.h"

namespace rehome::vipd {

class ResetLog {
public:
    Result<> open(const std::string& path);  // appends; an empty path logs nothing
    void add(const std::vector<ResetRecord>& records);
    uint64_t lost() const { return lost_; }  // records that could not be written

private:
    struct Closer {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::unique_ptr<std::FILE, Closer> file_;
    uint64_t lost_ = 0;
};

}  // namespace rehome::vipd
