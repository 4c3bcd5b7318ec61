#!/bin/sh
exec "$(dirname "$0")/../fairway" rollback "$@"
