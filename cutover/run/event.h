// What happens in a run, one line each (without a line feed): for people with its UTC time, for
// programs as JSON {"event":"done","at":...,"step":...,"text":...}.  Pure.
#pragma once

#include <string>

#include "cutover/run/gate.h"
#include "cutover/run/journal.h"
#include "cutover/run/step.h"

namespace rehome::cutover {

std::string event_text(const Record& record);
std::string event_json(const Record& record);

// A gate's sample: its figures, and what was wrong with it.
std::string reading_text(const Reading& reading);
std::string reading_json(const Step& step, const Reading& reading, UnixMicros at);

// A line of JOURNAL.d/samples.jsonl ("rehome/cutover-sample/1"): what was printed, and what was
// said of it.
std::string sample_json(const Step& step, const Result<Finished>& answer, const Reading& reading,
                        UnixMicros at);

std::string notice_json(const std::string& text, UnixMicros at);

}  // namespace rehome::cutover
