#!/bin/bash
# cutover, or its hand, is killed as it enters a call that writes, a fixed sample of all of them (make test-kills): no act
# is lost or done twice, and the run ends.
. "$(dirname "$0")/_init.sh"

tests/kills/kills.py --every 9
