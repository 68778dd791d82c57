#!/bin/bash
# A short sample of `make apps`: real applications through nat, map and tunnel.
exec bash "$(dirname "$0")/../apps/apps" --sample
