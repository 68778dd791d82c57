// The options that say what is allowed of a comparison, for the commands that make one.
#pragma once

#include "common/command.h"
#include "probe/core/compare.h"

namespace rehome::probe {

// Behind these options, those of the terms.
std::vector<Option> with_terms(std::vector<Option> options);

Terms terms_from(const Given& given);

// Two samples can never show that an increase is exactly none, so nothing allowed is no question.
std::vector<Error> mistakes_in(const Terms& terms);

}  // namespace rehome::probe
