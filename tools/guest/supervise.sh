#!/bin/bash
# supervise.sh STATE COMMAND ARG… — runs the guest's kernel and lives as long as the caller, who holds the other end of
# stdin: when that closes, for whatever reason (SIGKILL too), kernel and state folder go. Prints `ended` when the kernel has.
set -m # each background job is a process group of its own, so one kill takes the kernel with all its stub processes
state=$1
shift
exec 3<&0
setpriv --pdeathsig KILL "$@" </dev/null >"$state/console" 2>&1 3<&- &
kernel=$!
cat <&3 >/dev/null &
caller=$!
wait -n "$kernel" "$caller" 2>/dev/null
if kill -0 "$caller" 2>/dev/null; then
  echo ended
  wait "$caller" 2>/dev/null
fi
exec 2>/dev/null # or bash would report the job that it is told to kill
kill -KILL -- "-$kernel"
wait "$kernel"
rm -rf "$state"
