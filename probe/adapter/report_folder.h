// The folder of a report: written under a name of its own beside its place (DIR.XXXXXX), brought to
// the disk, and given its name when it is whole.  So there is a report, or there is none; what was
// not finished is removed, but after a kill.
//
// Several threads may write files at a time, each its own.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.h"
#include "probe/report/report.h"

namespace rehome::probe {

class ReportFolder {
public:
    // Fails (Exit::usage) where there is something already, unless it is a report that is to be
    // replaced, and (Exit::world) where the folder around it cannot be written.
    static Result<ReportFolder> prepare(const std::string& path, bool replace);

    ReportFolder(ReportFolder&& other) noexcept;
    ReportFolder& operator=(ReportFolder&&) = delete;
    ~ReportFolder();

    // name: within the folder, as "raw/1-red.csv".  piece: appends to its argument; false at the
    // end.
    using Piece = std::function<bool(std::string&)>;
    Result<RawFile> write(const std::string& name, const Piece& piece) const;
    Result<RawFile> write(const std::string& name, std::string_view content) const;

    Result<> finish();

private:
    ReportFolder(std::string path, std::string temporary, bool replace)
        : path_(std::move(path)), temporary_(std::move(temporary)), replace_(replace) {}

    std::string path_;
    std::string temporary_;  // empty: finished
    bool replace_;
};

}  // namespace rehome::probe
